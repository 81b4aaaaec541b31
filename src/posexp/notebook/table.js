// The chooser: runs as a table. A click on a header sorts, on a row chooses it, on a box adds it.
// What is chosen lives in the model, so it stays marked however the rows are sorted or filtered.

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "posexp-runs";
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys stay out of it
  el.append(root);
  const make = (tag, attributes = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), attributes);
    node.append(...children);
    return node;
  };
  const compared = (a, b) => {
    if (a === b) return 0;
    if (a === null || a === "") return 1; // what is not known comes last, in either order
    if (b === null || b === "") return -1;
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
    return model.get("descending") ? -order : order;
  };
  const choose = (ids) => { model.set("value", ids); model.save_changes(); };
  const toggle = (id) => {
    const chosen = model.get("value");
    choose(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  };

  function head() {
    const row = make("tr", {}, make("th", { scope: "col" }, make("span", { className: "posexp-unseen", textContent: "chosen" })));
    model.get("columns").forEach((name, column) => {
      const sorted = model.get("sorted") === column;
      const mark = make("span", { textContent: sorted ? (model.get("descending") ? " ▼" : " ▲") : "" });
      mark.setAttribute("aria-hidden", "true");
      const cell = make("th", { scope: "col" }, make("button", {
        type: "button", title: `Sort by ${name}`,
        onclick: () => {
          model.set("descending", sorted ? !model.get("descending") : false);
          model.set("sorted", column); model.save_changes(); show();
          root.querySelectorAll("th button")[column].focus();
        },
      }, name, mark));
      cell.setAttribute("aria-sort", sorted ? (model.get("descending") ? "descending" : "ascending") : "none");
      row.append(cell);
    });
    return make("thead", {}, row);
  }

  function show() {
    const column = model.get("sorted"), chosen = model.get("value"), rows = [...model.get("rows")];
    if (column >= 0) rows.sort((a, b) => compared(a.keys[column], b.keys[column]));
    const body = make("tbody");
    for (const run of rows) {
      const on = chosen.includes(run.id);
      const box = make("input", { type: "checkbox", checked: on, ariaLabel: `Choose ${run.cells.join(", ")}` });
      box.onclick = (event) => { event.stopPropagation(); toggle(run.id); };
      const row = make("tr", { className: on ? "posexp-chosen" : "", title: `run ${run.id}` }, make("td", {}, box), ...run.cells.map((text) => make("td", { textContent: text })));
      row.dataset.run = run.id;
      row.onclick = (event) => (event.ctrlKey || event.metaKey ? toggle(run.id) : choose([run.id]));
      row.onkeydown = (event) => {
        const next = { ArrowDown: row.nextSibling, ArrowUp: row.previousSibling }[event.key];
        if (next) { next.querySelector("input").focus(); event.preventDefault(); event.stopPropagation(); }
        if (event.key === "Enter") choose([run.id]);
      };
      body.append(row);
    }
    const focused = document.activeElement?.closest?.("tr")?.dataset.run, scrolled = root.scrollTop;
    root.replaceChildren(make("table", {}, make("caption", { className: "posexp-unseen", textContent: "Runs" }), head(), body));
    root.hidden = !rows.length;
    root.scrollTop = scrolled;
    if (focused) root.querySelector(`tr[data-run="${CSS.escape(focused)}"] input`)?.focus({ preventScroll: true });
  }

  for (const name of ["rows", "value"]) model.on(`change:${name}`, show);
  show();
  return () => { for (const name of ["rows", "value"]) model.off(`change:${name}`, show); };
}

export default { render };
