// The keyboard of the comments: j and k go to the next and the previous, y and n judge the first label of the one
// at hand, / goes to the search. Without it the same is done with the buttons.
const comments = [...document.querySelectorAll("article")];
const first = Number(/^#c(\d+)$/.exec(location.hash)?.[1] ?? 0) - 1;
let current = Math.min(first, comments.length - 1);

function go(place) {
  if (place < 0 || place >= comments.length) return;
  current = place;
  comments[current].focus();
}

function judge(verdict) {
  // Before any comment is gone to, none is judged.
  const button = comments[current]?.querySelector(`button[name=${verdict}]`);
  if (button) button.form.requestSubmit(button);
}

document.addEventListener("focusin", (event) => {
  const place = comments.indexOf(event.target.closest("article"));
  if (place >= 0) current = place;
});

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = {
    j: () => go(current + 1),
    k: () => go(current - 1),
    y: () => judge("agree"),
    n: () => judge("disagree"),
    "/": () => document.getElementById("q").focus(),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  // A key that is held goes on, and judges once.
  if (event.repeat && "yn".includes(event.key)) return;
  act();
});

if (current >= 0) go(current);
