// Keys of the coding page become clicks, and answers are sent without leaving the page.
let last = Promise.resolve();  // one thing after another: keys typed fast meet the page that they were meant for
const then = what => { last = last.then(what).catch(() => { document.body.textContent = "The program has ended."; }); };
const send = async (form, button) => {
  const answer = await fetch(location.href, {method: "POST", body: new URLSearchParams(new FormData(form, button))});
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.body.replaceChildren(...page.body.childNodes);
};
const act = async key => {
  const book = document.getElementById("codebook"), note = document.getElementById("note");
  if (!note || document.activeElement === note) return;
  if (key === "?") book.open = !book.open;
  else if (key === "t") note.focus();
  else {
    const button = document.querySelector(`button[data-key="${key}"]`);
    if (button) await send(button.form, button);
  }
};
document.addEventListener("submit", e => { e.preventDefault(); then(() => send(e.target, e.submitter)); });
document.addEventListener("keydown", e => {
  const key = e.key === "ArrowLeft" ? "b" : e.key.toLowerCase();
  const typed = e.target.matches("input,summary") || (key === "enter" && e.target.matches("button"));
  if (typed || e.ctrlKey || e.altKey || e.metaKey || !/^([a-z0-9?]|enter)$/.test(key)) return;
  e.preventDefault();
  then(() => act(key));
});
