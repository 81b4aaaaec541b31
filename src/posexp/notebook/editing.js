// Editing: events on a time axis, joints on the picture. What was found stays as it is: changes are
// kept beside it until they are saved as a new run, which Python makes. player.js is its host.

const EVENTS = ["lean_start", "rise_start", "standing", "sit_start", "seated"];
const REACH = 14; // px of the screen from which a joint is taken hold of

// Every state is made anew and never changed, so that undoing is to take the last one.
function editor({ model, root, times, frames, size, run, color, host }) {
  const found = { events: model.get("marks").map((mark, id) => ({ ...mark, id })), points: {} };
  let now = found, saved = found, past = [], future = [], ids = found.events.length;
  let active = false, saving = false, held = null, chosen = null, joint = Math.max(0, run.joints.indexOf(model.get("joint")));

  const words = (kind) => kind.replaceAll("_", " ");
  const key = (row, number) => `${row}/${number}`;
  const clamp = (value, most) => Math.round(100 * Math.max(0, Math.min(most, value))) / 100;

  // ---------------------------------------------------------------- changes
  function differences(one, other) {
    const times = new Map(other.events.map((event) => [event.id, event.time]));
    const moved = one.events.filter((event) => times.get(event.id) !== event.time).length;
    const gone = other.events.length - one.events.filter((event) => times.has(event.id)).length;
    const keys = new Set([...Object.keys(one.points), ...Object.keys(other.points)]);
    const points = [...keys].filter((k) => JSON.stringify(one.points[k]) !== JSON.stringify(other.points[k]));
    return moved + gone + points.length;
  }

  function put(next) { // as a step, or within one while something is held
    if (!held) { past.push(now); future = []; }
    now = next; refresh();
  }
  function hold() { held = now; }
  function release() {
    if (held && held !== now) { past.push(held); future = []; }
    held = null; refresh();
  }
  function back(from, to) {
    if (!from.length || saving) return;
    to.push(now); now = from.pop(); refresh();
  }
  const undo = () => back(past, future), redo = () => back(future, past);

  const moveEvent = (id, time) => put({ ...now, events: now.events.map((event) => (event.id === id ? { ...event, time } : event)) });
  const setJoint = (row, at) => put({ ...now, points: { ...now.points, [key(row, joint)]: at && [clamp(at[0], size[0]), clamp(at[1], size[1])] } });

  function addEvent(kind) {
    const id = ids++;
    chosen = id;
    put({ ...now, events: [...now.events, { id, kind, time: times[host.row()], label: words(kind) }] });
    say(`${words(kind)} added at ${times[host.row()].toFixed(2)} s`);
  }

  function removeEvent(id) {
    const gone = now.events.find((event) => event.id === id);
    if (!gone) return;
    chosen = null;
    put({ ...now, events: now.events.filter((event) => event.id !== id) });
    say(`${words(gone.kind)} at ${gone.time.toFixed(2)} s removed`);
    root.focus();
  }

  function takeAway() {
    setJoint(host.row(), null);
    say(`${words(run.joints[joint])} is not to be seen in frame ${frames[host.row()]}`);
  }

  // ---------------------------------------------------------------- controls
  const open = element("button", { type: "button", textContent: "Edit", title: "Put events and joints right, as a new run" });
  open.onclick = () => { active = !active; refresh(); };
  const undoing = button("↶", "Undo (Ctrl or ⌘ and Z)", undo), redoing = button("↷", "Redo (Shift, Ctrl or ⌘ and Z)", redo);
  const jointChooser = select("Joint that is edited", run.joints.map((name, number) => [number, words(name)]), (value) => { joint = +value; refresh(); });
  const away = button("not to be seen", "Take this joint away in this frame", takeAway);
  const removing = button("Remove event", "Remove the chosen event (Delete)", () => removeEvent(chosen));
  const count = element("span", { className: "posexp-count" });
  const saver = button("Save as a new run", "A new run with these changes; this one stays as it is", save);
  saver.classList.add("posexp-save");
  const discard = button("Discard", "Back to what was found", () => { chosen = null; put(found); say("Back to what was found"); });
  const said = element("span", { className: "posexp-said", textContent: "Drag events and joints, or move them by arrow keys; the rest follows when you save." });
  said.setAttribute("role", "status");
  const shower = button("Show the new run", "Show the new run in place of this one", () => model.send({ show: shower.dataset.run }));
  shower.hidden = true;
  const lanes = element("div", { className: "posexp-lanes" });
  const axes = new Map();
  for (const kind of EVENTS) {
    const axis = element("div", { className: "posexp-axis" });
    axis.onpointerdown = (event) => { if (event.target === axis) host.show(rowUnder(event)); };
    const add = button(`+ ${words(kind)}`, `Add ${words(kind)} at this frame`, () => addEvent(kind));
    lanes.append(element("div", { className: "posexp-lane" }, add, axis));
    axes.set(kind, axis);
  }
  const panel = element("div", { className: "posexp-edit", hidden: true }, lanes,
    element("div", { className: "posexp-bar" }, undoing, redoing, removing,
      element("label", {}, "joint ", jointChooser), away),
    element("div", { className: "posexp-bar" }, saver, discard, count, said, shower));
  panel.setAttribute("role", "group");
  panel.setAttribute("aria-label", "Editing");

  const say = (text) => { said.textContent = text; shower.hidden = true; };
  const span = () => times[times.length - 1] - times[0] || 1;
  const share = (time) => (time - times[0]) / span();
  function rowUnder(event) {
    const box = axes.get(EVENTS[0]).getBoundingClientRect();
    const time = times[0] + ((event.clientX - box.left) / box.width) * span();
    const row = rowAt(times, time);
    return row + 1 < times.length && times[row + 1] - time < time - times[row] ? row + 1 : row;
  }

  // Where what was found was, of an event that has been moved or removed.
  const ghosts = new Map(found.events.map((event) => [event.id, element("span", { className: "posexp-ghost", title: `${event.label} was found at ${event.time.toFixed(2)} s` })]));
  for (const event of found.events) {
    ghosts.get(event.id).style.left = `${100 * share(event.time)}%`;
    axes.get(event.kind)?.append(ghosts.get(event.id));
  }

  // One button for an event: dragged, moved by arrow keys from frame to frame, removed by Delete.
  const handles = new Map();
  function handle(event) {
    const node = element("button", { type: "button", className: "posexp-event" });
    node.style.setProperty("--color", color(event.kind));
    const time = () => now.events.find((other) => other.id === event.id).time;
    node.onfocus = () => { if (chosen !== event.id) { chosen = event.id; refresh(); } };
    node.onpointerdown = (down) => {
      down.preventDefault(); node.focus(); node.setPointerCapture(down.pointerId); hold();
      host.show(rowAt(times, time() + 1e-6));
      node.onpointermove = (move) => { const row = rowUnder(move); moveEvent(event.id, times[row]); host.show(row); };
    };
    node.onpointerup = node.onpointercancel = () => { node.onpointermove = null; release(); };
    node.onkeydown = (press) => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[press.key];
      if (way) {
        const row = Math.max(0, Math.min(times.length - 1, rowAt(times, time() + 1e-6) + way * (press.shiftKey ? 10 : 1)));
        moveEvent(event.id, times[row]); host.show(row);
      } else if (press.key === "Delete" || press.key === "Backspace") removeEvent(event.id);
      else return;
      press.preventDefault(); press.stopPropagation();
    };
    return node;
  }

  function refresh() {
    open.setAttribute("aria-pressed", active);
    panel.hidden = !active;
    const unsaved = differences(now, saved);
    count.textContent = unsaved ? `${unsaved} unsaved change${unsaved > 1 ? "s" : ""}` : "no unsaved changes";
    open.textContent = unsaved ? "Edit •" : "Edit";
    undoing.disabled = saving || !past.length; redoing.disabled = saving || !future.length;
    saver.disabled = saving || !unsaved; discard.disabled = saving || !differences(now, found);
    removing.disabled = !now.events.some((event) => event.id === chosen);
    jointChooser.value = joint;
    for (const [id, node] of handles) if (!now.events.some((event) => event.id === id)) { node.remove(); handles.delete(id); }
    const before = new Map(found.events.map((event) => [event.id, event.time]));
    for (const event of now.events) {
      if (!handles.has(event.id)) { handles.set(event.id, handle(event)); axes.get(event.kind)?.append(handles.get(event.id)); }
      const node = handles.get(event.id), label = `${event.label}, ${event.time.toFixed(2)} s`;
      node.style.left = `${100 * share(event.time)}%`;
      node.title = label; node.setAttribute("aria-label", `${label}; arrow keys move it, Delete removes it`);
      node.classList.toggle("posexp-chosen-event", event.id === chosen);
      node.classList.toggle("posexp-changed", before.get(event.id) !== event.time);
    }
    for (const event of found.events) ghosts.get(event.id).hidden = now.events.some((other) => other.id === event.id && other.time === event.time);
    host.changed();
  }

  // ---------------------------------------------------------------- saving
  function save() {
    if (saving) return;
    const events = differences({ ...now, points: {} }, { ...found, points: {} }) ? now.events.map((event) => [event.kind, event.time]) : null;
    const points = Object.entries(now.points).map(([k, at]) => {
      const [row, number] = k.split("/").map(Number);
      return [frames[row], run.joints[number], at ? at[0] : null, at ? at[1] : null];
    });
    saving = now; say("Saving: the run is made again with the changes …"); refresh();
    model.send({ edit: { events, points } });
  }

  function hear(content) {
    if (content.saving) said.textContent = `Saving: ${content.saving}`;
    if (content.refused) { saving = false; say(content.refused); refresh(); }
    if (content.saved) {
      saved = saving || now; saving = false;
      say(`Saved as ${content.saved.name} (${content.saved.id.slice(0, 8)})`);
      shower.dataset.run = content.saved.id; shower.hidden = false; refresh();
    }
  }
  model.on("msg:custom", hear);

  // ---------------------------------------------------------------- the picture
  // Take hold of the joint under the pointer, or put the chosen one where it is not yet.
  function grab(event, canvas) {
    if (!active || saving || event.button) return false;
    event.preventDefault(); canvas.focus(); host.pause();
    const row = host.row(), near = host.nearest(event, canvas, REACH);
    hold();
    if (near !== null) joint = near;
    else if (!host.at(row, joint)) setJoint(row, host.under(event, canvas));
    else { say(`No joint is there. ${words(run.joints[joint])} is chosen: drag it, or choose another.`); release(); return true; }
    canvas.setPointerCapture(event.pointerId);
    canvas.onpointermove = (move) => setJoint(row, host.under(move, canvas));
    canvas.onpointerup = canvas.onpointercancel = () => { canvas.onpointermove = canvas.onpointerup = canvas.onpointercancel = null; release(); };
    refresh();
    return true;
  }

  function press(event) { // on the picture
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!active || saving) return;
    const at = host.at(host.row(), joint), far = event.shiftKey ? 10 : 1;
    if (way && at) setJoint(host.row(), [at[0] + far * way[0], at[1] + far * way[1]]);
    else if (event.key === "Delete" || event.key === "Backspace") takeAway();
    else if (!way) return;
    event.preventDefault(); event.stopPropagation();
  }

  function undoes(event) { // anywhere in the player
    if (!active || !(event.ctrlKey || event.metaKey)) return false;
    const name = event.key.toLowerCase();
    if (name === "z") (event.shiftKey ? redo : undo)(); else if (name === "y") redo(); else return false;
    return true;
  }

  refresh();
  return {
    open, panel, grab, press, undoes,
    get active() { return active; },
    get events() { return now.events; },
    get joint() { return active ? joint : -1; },
    get holding() { return held !== null; },
    point: (row, number) => now.points[key(row, number)], // undefined where nobody has touched it
    cursor() { lanes.style.setProperty("--now", share(times[host.row()])); },
    dispose() { model.off("msg:custom", hear); },
  };
}
