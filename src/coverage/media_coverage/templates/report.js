"use strict";
(() => {
  const table = document.getElementById("articles");
  if (!table) return;
  document.documentElement.classList.add("js");
  const body = table.tBodies[0];
  const original = [...body.rows];
  const rows = original.filter((row) => row.dataset.date);
  const form = document.getElementById("filter");
  const status = document.getElementById("found");
  const fields = form.elements;
  const text = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  let span = null;

  const apply = () => {
    const words = fields.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = ["label", "group", "outlet"].filter((name) => fields[name].value !== "");
    let shown = 0;
    for (const row of rows) {
      const kept =
        wanted.every((name) => row.dataset[name] === fields[name].value) &&
        (!span || (row.dataset.date >= span.from && row.dataset.date <= span.to)) &&
        words.every((word) => text.get(row).includes(word));
      row.hidden = !kept;
      shown += kept;
    }
    const filtered = wanted.length > 0 || words.length > 0 || span !== null;
    table.classList.toggle("filtered", filtered);
    const days = span ? ` from ${span.from} to ${span.to}` : "";
    status.textContent = `${shown} of ${rows.length} listed articles${days}` + (span && span.more ? ` (${span.more})` : "");
    fields.all.disabled = !filtered;
  };

  const only = (data) => {
    for (const name of ["label", "group", "outlet"]) fields[name].value = data[name] || "";
    fields.words.value = "";
    span = data.from ? { from: data.from, to: data.to, more: data.more } : null;
    apply();
  };

  // A point of a chart shows its articles in the table; without script its link leads to a list of them.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("figure a, th[scope=row] a");
    const href = link && (link.getAttribute("href") || link.getAttribute("xlink:href"));
    const target = href && href.startsWith("#") && document.getElementById(href.slice(1));
    if (!target || !("filter" in target.dataset)) return;
    event.preventDefault();
    only(target.dataset);
    const heading = document.getElementById("articles-heading");
    heading.scrollIntoView();
    heading.focus({ preventScroll: true });
  });

  // An article that the filter hides is shown again when a link leads to it.
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.hidden) {
      only({});
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);

  const value = (row, place, numeric) => {
    const cell = row.cells[place].textContent.trim();
    return numeric ? Number(cell) : cell.toLowerCase();
  };
  for (const button of table.tHead.querySelectorAll("button")) {
    const head = button.closest("th");
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const numeric = head.classList.contains("num");
      const sorted = rows.map((row) => [value(row, head.cellIndex, numeric), row]);
      sorted.sort(([a], [b]) => (up ? 1 : -1) * (numeric ? a - b : a.localeCompare(b)));
      table.classList.add("sorted");
      body.append(...sorted.map(([, row]) => row));
    });
  }

  form.addEventListener("input", () => apply());
  form.addEventListener("submit", (event) => event.preventDefault());
  fields.all.addEventListener("click", () => {
    only({});
    table.classList.remove("sorted");
    for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
    body.append(...original);
  });
  apply();
  reveal();
})();
