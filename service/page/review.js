// The keyboard of the review page: one key press a label, Enter when done. Without it the form works by mouse.
const form = document.getElementById("answer");
const blind = form.dataset.blind === "true";
const groups = [...form.querySelectorAll("fieldset")];
let current = 0;

function show() {
  groups.forEach((group, place) => group.classList.toggle("current", !blind && place === current));
}

function judge(yes) {
  if (current >= groups.length) return;
  groups[current].querySelector(`input[value=${yes ? "yes" : "no"}]`).checked = true;
  current += 1;
}

function back() {
  if (current === 0) return;
  current -= 1;
  groups[current].querySelectorAll("input").forEach((input) => { input.checked = false; });
}

// The mouse and the tab key move on as well: y and n are for the label that is shown as the current one.
for (const [kind, step] of [["focusin", 0], ["change", 1]]) {
  form.addEventListener(kind, (event) => {
    const place = groups.indexOf(event.target.closest("fieldset"));
    if (place >= 0) current = place + step;
    show();
  });
}

document.addEventListener("keydown", (event) => {
  // Links, buttons and the field for the name keep their own keys.
  const elsewhere = event.target.closest("a, button, input:not([type=radio]):not([type=checkbox])");
  if (elsewhere || event.ctrlKey || event.metaKey || event.altKey) return;
  // A key that is held is one answer.
  if (event.repeat) {
    if (event.key === "Enter") event.preventDefault();
    return;
  }
  if (event.key === "Enter") {
    event.preventDefault();
    form.requestSubmit();
  } else if (blind) {
    const box = groups.map((group) => group.querySelector("input")).find((one) => one.dataset.key === event.key);
    if (box) box.checked = !box.checked;
  } else if (event.key === "y" || event.key === "n") {
    judge(event.key === "y");
  } else if (event.key === "Backspace") {
    back();
  }
  show();
});
show();
