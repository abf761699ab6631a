"""Alerts told to webhooks as `alert.raised`: each once, however often one looks.

    raise_alerts(engine, settings)          now and then, by whoever keeps the house

An alert is known by its touchpoint, label and direction. It stays in force for days and may drop out and come back
with a few comments more or less; only after `QUIET` without it is it news again. A tenant without a webhook that
wants alerts is not looked at.
"""

from datetime import date, timedelta

from sqlalchemy.engine import Engine

from service.clock import database_time
from service.database import read, write
from service.events import alert_repository, outbox, webhook_repository
from service.metrics.alerting import alerts
from service.metrics.sums import Rules
from service.promotion.choice import choice
from service.settings import Settings
from service.statistics.changes import DAYS, WATCHED

TYPE = "alert.raised"
QUIET = timedelta(days=WATCHED)


def raise_alerts(engine: Engine, settings: Settings, today: date | None = None) -> int:
    """Tell of the alerts in force that are news: on the evening before `today`, or if that is not said as `/v1/alerts`
    has them.

    How many there were. Raises `ArtifactError` where the model in force cannot be read about.
    """
    with read(engine) as conn:
        tenants = webhook_repository.tenants_wanting(conn, TYPE)
        day = today or database_time(conn).date()
    if not tenants or day.toordinal() <= DAYS:
        return 0
    model = choice(engine, settings).about()
    rules = Rules.of(settings, model.taxonomy, model.version, model.calibration.errors)
    return sum(_raise(engine, tenant, rules, day, today) for tenant in tenants)


def _raise(engine: Engine, tenant: str, rules: Rules, day: date, until: date | None) -> int:
    with read(engine) as conn:
        found = alerts(conn, tenant, rules, until)["alerts"]
    by_name = {(one["touchpoint"], one["label"], one["direction"]): one for one in found}
    with write(engine) as conn:
        alert_repository.forget(conn, tenant, day - QUIET)
        is_new = alert_repository.note(conn, tenant, list(by_name), day)
        news = [outbox.News(None, one) for name, one in by_name.items() if name in is_new]
        if news:
            outbox.announce(conn, tenant, TYPE, news)
    return len(news)
