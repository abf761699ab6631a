"""A Ray cluster on this machine for as long as this process lives: prints its address, then sleeps.

    python -m tests.service.cluster.local_cluster 2

Apart from the tests, so that their process never holds Ray, and so that it outlives a driver that is killed.
"""

import sys
import time

import ray


def main() -> None:
    """With as many CPUs as the argument says."""
    ray.init(address="local", num_cpus=int(sys.argv[1]), include_dashboard=False, log_to_driver=False)
    sys.stdout.write(f"address {ray.get_runtime_context().gcs_address}\n")
    sys.stdout.flush()
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
