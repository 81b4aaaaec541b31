// The player: one video, the skeletons of several runs, and plots whose cursor follows.
// All that happens per frame happens here; Python hears of a frame only when the eye rests on it.

const NOTHING = 65535; // a coordinate that the run does not have
const LOW = -0.5, SPAN = 2; // shares of the picture that 0..65534 stand for
const SPEEDS = [0.1, 0.25, 0.5, 1, 2];
const BANDS = { // stretches in which a plot is not to be trusted
  lost: ["person lost", "rgba(120,120,120,.38)"],
  doubtful: ["person in doubt", "rgba(230,159,0,.32)"],
  different: ["runs follow different people", "rgba(204,121,167,.36)"],
};
const MARKS = ["#0072b2", "#009e73", "#d55e00", "#cc79a7", "#777777"]; // of EVENTS (editing.js)
const AROUND = 0.25; // s before and after the searched frame in which people are drawn
const GROUPS = ["all joints", "body", "arms", "torso", "legs"];

function array(Type, view) {
  return new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in node && key !== "list") node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

function button(text, label, action) {
  return element("button", { type: "button", textContent: text, title: label, ariaLabel: label, onclick: action });
}

function select(label, options, action) {
  const node = element("select", { ariaLabel: label, title: label });
  for (const [value, text] of options) node.append(element("option", { value, textContent: text }));
  node.onchange = () => action(node.value);
  return node;
}

// Row of the last time that is not after `time`.
function rowAt(times, time) {
  let low = 0, high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= time) low = middle; else high = middle - 1;
  }
  return low;
}

function render({ model, el }) {
  const root = element("div", { className: "posexp-player", tabIndex: 0 });
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys stay out of it
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Pose player: space plays, arrow keys step, shift and arrows by ten");
  el.append(root);
  const dispose = build(model, root);
  return () => { dispose(); root.remove(); };
}

function build(model, root) {
  const message = model.get("message");
  const note = element("div", { className: "posexp-note", textContent: message, hidden: !message });
  note.setAttribute("role", "status");
  root.append(note);
  const runs = model.get("runs").map((run, i) => ({
    ...run, shown: true,
    points: array(Uint16Array, model.get("points")[i]),
    angles: array(Float32Array, model.get("angles")[i]),
  }));
  const times = array(Float64Array, model.get("times")), frames = array(Int32Array, model.get("frames"));
  if (!runs.length || !times.length) { root.dataset.ready = "1"; return () => {}; }
  const disagreement = array(Float32Array, model.get("disagreement"));
  const [width, height] = model.get("size");
  const angleNames = model.get("angle_names"), doubt = model.get("angle_doubt"); // of those in the picture's plane
  let marks = model.get("marks"), editing = null;
  const bands = model.get("bands"), people = model.get("people"), track = array(Float32Array, model.get("track"));
  const state = {
    picked: null, row: 0, playing: false, speed: 1, zoom: false, side: false, threshold: 0.3, group: "all joints",
    joint: model.get("joint"), angle: angleNames.find((name) => !doubt || name.endsWith("_world")) || angleNames[0], from: 0, to: times.length - 1, focus: null,
  };

  // ---------------------------------------------------------------- the pictures
  const copy = model.get("video_bytes");
  const own = copy && copy.byteLength ? URL.createObjectURL(new Blob([copy], { type: "video/mp4" })) : "";
  const url = own || model.get("video_url");
  const video = url ? element("video", { src: url, muted: true, playsInline: true, preload: "auto" }) : null;
  const stage = element("div", { className: "posexp-stage" });
  const picture = element("div", { className: "posexp-picture" }, stage), graphs = element("div", { className: "posexp-plots" });
  const canvases = [];
  const main = element("div", { className: "posexp-main" }, picture, graphs);
  root.append(main);

  function layout() {
    stage.replaceChildren(); canvases.length = 0;
    const shown = runs.filter((run) => run.shown);
    const sets = state.side ? shown.map((run) => [run]) : [shown];
    for (const set of sets) {
      const canvas = element("canvas", { width: 16, height: 9 });
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Video with the skeleton of ${set.map((run) => run.label).join(", ") || "no run"}`);
      if (model.get("pickable")) { canvas.classList.add("posexp-pickable"); canvas.onclick = (event) => { if (!editing?.active) pick(event, canvas); }; }
      if (editing) { canvas.onpointerdown = (event) => editing.grab(event, canvas); canvas.onkeydown = editing.press; held(canvas); }
      stage.append(canvas); canvases.push([canvas, set]);
    }
    resize();
  }

  function held(canvas) { // by the keyboard and the mouse, while joints are edited
    canvas.tabIndex = editing.active ? 0 : -1;
    canvas.classList.toggle("posexp-editing", editing.active);
  }

  // Plots beside the picture where there is room, so that both are seen at once also on a small
  // screen; below it, two in a row, when several wide pictures take all of the width.
  function resize() {
    const ratio = window.devicePixelRatio || 1;
    const wide = Math.max(200, root.clientWidth - 16), count = Math.max(1, canvases.length), gaps = 8 * (count - 1);
    const beside = wide >= 600 && (count === 1 || (count * width) / height < 1.8);
    const most = Math.min(560, Math.max(240, window.innerHeight - (beside ? 400 : 480)));
    const room = (beside ? 0.56 * wide : wide) - gaps;
    const tall = Math.min(most, ((room / count) * height) / width);
    const taken = beside ? Math.max(300, (tall * width * count) / height + gaps) : wide;
    root.classList.toggle("posexp-beside", beside);
    picture.style.width = `${taken}px`;
    if (editing && beside !== (editing.panel.parentNode === root)) beside ? main.after(editing.panel) : picture.append(editing.panel);
    for (const [canvas] of canvases) {
      canvas.style.height = `${tall}px`;
      canvas.style.width = `${(tall * width) / height}px`;
      canvas.height = Math.round(tall * ratio);
      canvas.width = Math.round(((tall * width) / height) * ratio);
    }
    const columns = beside || wide < 600 ? 1 : 2;
    graphs.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    const breadth = beside ? wide - taken - 12 : (wide - 12 * (columns - 1)) / columns;
    const depth = beside ? Math.min(150, Math.max(60, (tall + 44) / plots.length - 32)) : 92;
    for (const plot of plots) plot.prepare(breadth, depth);
    draw();
  }

  function place(run, row, joint) {
    const edited = editing?.point(row, joint);
    if (edited !== undefined) return edited && [...edited, 1];
    const at = (row * run.joints.length + joint) * 3;
    if (run.points[at] === NOTHING) return null;
    return [
      (LOW + (SPAN * run.points[at]) / 65534) * width,
      (LOW + (SPAN * run.points[at + 1]) / 65534) * height,
      run.points[at + 2] / 65534,
    ];
  }

  // The part of the picture that is shown: all of it, or a square that follows the person slowly.
  function view() {
    if (!state.zoom) { state.focus = null; return [0, 0, width, height]; }
    if (editing?.holding && state.focus) return state.focus; // it must not follow what is dragged
    let left = Infinity, top = Infinity, right = -Infinity, bottom = -Infinity;
    for (const run of runs) {
      if (!run.shown) continue;
      for (let joint = 0; joint < run.joints.length; joint++) {
        const p = place(run, state.row, joint);
        if (!p) continue;
        left = Math.min(left, p[0]); right = Math.max(right, p[0]);
        top = Math.min(top, p[1]); bottom = Math.max(bottom, p[1]);
      }
    }
    if (left > right) return state.focus || [0, 0, width, height];
    const tall = Math.min(height, Math.max(1.3 * (bottom - top), 1.3 * ((right - left) * height) / width));
    const wide = (tall * width) / height;
    const next = [(left + right - wide) / 2, (top + bottom - tall) / 2, wide, tall];
    const old = state.focus;
    state.focus = old && state.playing ? old.map((value, i) => value + 0.15 * (next[i] - value)) : next;
    return state.focus;
  }

  function draw() {
    const [x, y, wide, tall] = view();
    for (const [canvas, set] of canvases) {
      const g = canvas.getContext("2d"), scale = canvas.width / wide;
      g.fillStyle = "#111"; g.fillRect(0, 0, canvas.width, canvas.height);
      if (seen()) {
        const sx = video.videoWidth / width, sy = video.videoHeight / height;
        g.drawImage(video, x * sx, y * sy, wide * sx, tall * sy, 0, 0, canvas.width, canvas.height);
      }
      const line = Math.max(1.5, canvas.height / 240);
      drawPeople(g, (px, py) => [(px - x) * scale, (py - y) * scale], line);
      for (const run of set) {
        const chosen = new Set(run.groups[state.group] || run.groups["all joints"]);
        const at = (joint) => {
          const p = chosen.has(joint) && place(run, state.row, joint);
          return p && [(p[0] - x) * scale, (p[1] - y) * scale, p[2] >= state.threshold];
        };
        const shade = (joint) => run.shades[run.sides[joint]] || run.color;
        const stroke = (color, thick) => {
          g.lineWidth = thick; g.lineCap = "round";
          for (const [a, b] of run.edges) {
            g.strokeStyle = color || (run.sides[a] === run.sides[b] ? shade(a) : run.color);
            const p = at(a), q = at(b);
            if (!p || !q) continue;
            g.globalAlpha = p[2] && q[2] ? 1 : 0.25;
            g.beginPath(); g.moveTo(p[0], p[1]); g.lineTo(q[0], q[1]); g.stroke();
          }
        };
        stroke("rgba(0,0,0,.7)", 2.6 * line); stroke(null, 1.4 * line);
        for (let joint = 0; joint < run.joints.length; joint++) {
          const p = at(joint);
          if (!p) continue;
          const marked = run.joints[joint] === state.joint;
          g.globalAlpha = p[2] ? 1 : 0.25;
          g.beginPath(); g.arc(p[0], p[1], (marked ? 3.2 : 1.7) * line, 0, 7);
          g.fillStyle = marked ? "#fff" : shade(joint); g.fill();
          g.lineWidth = 0.8 * line; g.strokeStyle = marked ? shade(joint) : "#000"; g.stroke();
        }
        g.globalAlpha = 1;
        if (editing?.active) for (let joint = 0; joint < run.joints.length; joint++) {
          const p = at(joint), set = editing.point(state.row, joint) !== undefined;
          if (!p || !(set || joint === editing.joint)) continue;
          for (const [style, thick] of [["#000", 2.6], [set ? "#ff7ad9" : "#fff", 1.4]]) {
            g.strokeStyle = style; g.lineWidth = thick * line;
            g.beginPath(); g.arc(p[0], p[1], (joint === editing.joint ? 5 : 3.6) * line, 0, 7); g.stroke();
          }
        }
      }
      if (state.side && set[0]) {
        const size = Math.round(canvas.height / 18);
        g.font = `${size}px sans-serif`;
        g.fillStyle = "rgba(0,0,0,.6)"; g.fillRect(0, canvas.height - 1.6 * size, g.measureText(set[0].label).width + 1.2 * size, 1.6 * size);
        g.fillStyle = set[0].color; g.fillText(set[0].label, 0.6 * size, canvas.height - 0.5 * size);
      }
    }
    for (const plot of plots) plot.cursor();
    const near = marks.find((mark) => Math.abs(mark.time - times[state.row]) < AROUND / 2);
    slider.value = state.row; editing?.cursor();
    const worst = disagreement.length ? `   apart ${(100 * disagreement[state.row]).toFixed(0)} % of the torso` : "";
    output.textContent = `frame ${frames[state.row]}   ${times[state.row].toFixed(2)} s${worst}${near ? `   ${near.label}` : ""}`;
    root.dataset.frame = frames[state.row];
  }

  // ---------------------------------------------------------------- people
  function drawPeople(g, at, line) {
    const box = ([left, top, right, bottom], color, dash) => {
      const [x, y] = at(left, top), [x1, y1] = at(right, bottom);
      g.setLineDash(dash);
      for (const [style, thick] of [["rgba(0,0,0,.5)", 2.2], [color, 1]]) { g.strokeStyle = style; g.lineWidth = thick * line; g.strokeRect(x, y, x1 - x, y1 - y); }
      g.setLineDash([]);
      return [x, y];
    };
    g.globalAlpha = 0.55;
    const followed = track.subarray(4 * state.row, 4 * state.row + 4);
    if (Number.isFinite(followed[0])) box(followed, "#56b4e9", [4 * line, 4 * line]);
    g.font = `${Math.round(11 * line)}px sans-serif`;
    for (const person of people) {
      if (Math.abs(person.time - times[state.row]) > AROUND) continue;
      const [x, y] = box(person.box, person.followed ? "#e69f00" : "#fff", []);
      g.lineWidth = 2.5 * line; g.strokeStyle = "#000"; g.fillStyle = person.followed ? "#e69f00" : "#fff";
      const place = [x + 2 * line, Math.max(y - 3 * line, 11 * line)];
      g.strokeText(person.number, ...place); g.fillText(person.number, ...place);
    }
    g.globalAlpha = 1;
    if (state.picked && state.picked.row === state.row) {
      const [x, y] = at(state.picked.x, state.picked.y);
      for (const [style, thick] of [["#000", 3.4], ["#fff", 1.6]]) {
        g.strokeStyle = style; g.lineWidth = thick * line; g.beginPath(); g.arc(x, y, 5 * line, 0, 7);
        g.moveTo(x - 9 * line, y); g.lineTo(x + 9 * line, y); g.moveTo(x, y - 9 * line); g.lineTo(x, y + 9 * line); g.stroke();
      }
    }
  }

  // Where in the upright picture the pointer is, px.
  function under(event, canvas) {
    const [left, top, wide, tall] = view();
    return [left + (event.offsetX / canvas.clientWidth) * wide, top + (event.offsetY / canvas.clientHeight) * tall];
  }

  // The drawn joint of the run that is nearest to the pointer, within some px of the screen, or null.
  function nearest(event, canvas, reach) {
    const run = runs[0], [x, y] = under(event, canvas), scale = canvas.clientWidth / view()[2];
    let best = null, least = reach;
    for (const joint of run.groups[state.group] || run.groups["all joints"]) {
      const p = place(run, state.row, joint), apart = p ? scale * Math.hypot(p[0] - x, p[1] - y) : Infinity;
      if (apart < least || (apart === least && joint === editing.joint)) { best = joint; least = apart; }
    }
    return best;
  }

  // Who is meant by a click, as it is typed: px of the upright picture, s from the first frame.
  function pick(event, canvas) {
    if (state.playing) pause();
    const [x, y] = under(event, canvas).map(Math.round);
    const time = Math.floor(1000 * times[state.row] + 1e-6) / 1000;
    state.picked = { x, y, time, row: state.row };
    line.textContent = `"person=${x},${y}" person.time=${time}`; // quotes: PowerShell splits at commas
    picks.hidden = false;
    draw();
  }

  const line = element("code", { className: "posexp-line" });
  const copied = button("Copy", "Copy the line", () => {
    const range = document.createRange(); // stays marked where nothing may be copied by itself
    range.selectNodeContents(line);
    getSelection().removeAllRanges(); getSelection().addRange(range);
    navigator.clipboard?.writeText(line.textContent).then(() => { copied.textContent = "Copied"; setTimeout(() => { copied.textContent = "Copy"; }, 1500); }, () => {});
  });
  const picks = element("div", { className: "posexp-bar posexp-picks", hidden: true },
    element("span", { textContent: "Follow who is there:" }), line, copied,
    button("Run it", "A new run of this video and model that follows this person", () => {
      const { x, y, time } = state.picked;
      model.send({ follow: [x, y, time] });
    }));
  picks.setAttribute("role", "status");

  // ---------------------------------------------------------------- time
  let wanted = null, stopped = false;  // wanted: the row that a seek is on its way to

  function middle(row) {
    const next = row + 1 < times.length ? times[row + 1] : times[row] + (row ? times[row] - times[row - 1] : 0.04);
    return times[row] + (next - times[row]) / 2;
  }

  function show(row) {
    row = Math.max(0, Math.min(times.length - 1, row));
    if (!video || video.error) { state.row = row; draw(); tell(); return; }
    const seeking = wanted !== null;
    wanted = row;
    if (!seeking) seek();
  }

  // One seek at a time: what is asked for meanwhile replaces what was to come next.
  function seek() {
    const target = wanted;
    video.addEventListener("seeked", () => {
      if (stopped) return;
      state.row = target; draw();
      if (wanted !== target) { seek(); return; }
      wanted = null; tell();
    }, { once: true });
    video.currentTime = middle(target);
  }

  let told = 0;
  function tell() {
    clearTimeout(told);
    told = setTimeout(() => {
      if (model.get("frame") !== frames[state.row]) { model.set("frame", frames[state.row]); model.save_changes(); }
    }, 150);
  }

  let started = 0, clockRow = 0;
  function play() {
    state.playing = true; playing();
    if (state.row >= state.to || state.row < state.from) { state.row = state.from; }
    if (video && !video.error) {
      video.playbackRate = state.speed;
      video.currentTime = middle(state.row);
      video.play().catch(() => pause());
      video.requestVideoFrameCallback(tick);
    } else { started = performance.now(); clockRow = state.row; requestAnimationFrame(clock); }
  }

  function tick(now, meta) {
    if (!state.playing || stopped) return;
    state.row = rowAt(times, meta.mediaTime + 1e-4);
    const whole = state.from === 0 && state.to === times.length - 1;
    if (state.row >= state.to && (loop.checked || !whole)) {
      if (!loop.checked) { state.row = state.to; pause(); return; }
      video.currentTime = middle(state.from);
    }
    draw();
    video.requestVideoFrameCallback(tick);
  }

  function clock(now) {
    if (!state.playing || stopped) return;
    const time = times[clockRow] + ((now - started) / 1000) * state.speed;
    state.row = Math.min(state.to, rowAt(times, time));
    draw();
    if (state.row >= state.to) {
      if (!loop.checked) { pause(); return; }
      started = now; clockRow = state.from;
    }
    requestAnimationFrame(clock);
  }

  function pause() {
    state.playing = false; playing();
    if (video && !video.error) video.pause();
    show(state.row);
  }

  function playing() {
    toggle.textContent = state.playing ? "❙❙" : "▶";
    toggle.title = toggle.ariaLabel = state.playing ? "Pause" : "Play";
  }

  // Whether the video has the row: of a long one only the beginning may have been sent.
  function seen() {
    return video && !video.error && video.readyState >= 2 && times[state.row] <= (video.duration || Infinity);
  }

  const flip = () => (state.playing ? pause() : play());
  const step = (count) => { if (state.playing) pause(); show((wanted ?? state.row) + count); };

  // ---------------------------------------------------------------- controls
  const toggle = button("▶", "Play", flip);
  const slider = element("input", { type: "range", min: 0, max: times.length - 1, value: 0, className: "posexp-slider", ariaLabel: "Frame" });
  slider.oninput = () => { if (state.playing) pause(); show(+slider.value); };
  const lines = element("datalist", { id: `posexp-marks-${Math.random().toString(36).slice(2)}` }); // small ones under the slider
  slider.setAttribute("list", lines.id);
  root.append(lines);
  const ticks = () => lines.replaceChildren(...marks.map((mark) => element("option", { value: rowAt(times, mark.time + 1e-6) })));
  ticks();
  const output = element("output", { className: "posexp-output" });
  output.setAttribute("aria-live", "off");
  const speed = select("Speed", SPEEDS.map((s) => [s, `${s} x`]), (value) => {
    state.speed = +value;
    if (video) video.playbackRate = state.speed;
    started = performance.now(); clockRow = state.row;
  });
  speed.value = 1;
  const loop = element("input", { type: "checkbox" });
  const check = (text, label, action) => {
    const box = element("input", { type: "checkbox" });
    box.onchange = () => action(box.checked);
    return element("label", { title: label }, box, text);
  };
  const threshold = element("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0.3, ariaLabel: "Confidence threshold" });
  const shownThreshold = element("span", { textContent: "0.30" });
  threshold.oninput = () => { state.threshold = +threshold.value; shownThreshold.textContent = state.threshold.toFixed(2); draw(); };
  const range = element("span", { className: "posexp-range" });
  const mark = (name) => () => {
    state[name] = state.row;
    if (state.from > state.to) [state.from, state.to] = [state.to, state.from];
    ranged();
  };
  function ranged() {
    const whole = state.from === 0 && state.to === times.length - 1;
    range.textContent = whole ? "" : `${frames[state.from]} to ${frames[state.to]}`;
    for (const plot of plots) plot.cursor();
  }
  const bar = element("div", { className: "posexp-bar" },
    button("‹", "One frame back (left arrow)", () => step(-1)), toggle,
    button("›", "One frame on (right arrow)", () => step(1)), slider, output);
  const tools = element("div", { className: "posexp-bar" }, speed,
    button("from here", "Begin of the range is here", mark("from")), button("to here", "End of the range is here", mark("to")),
    button("whole video", "Whole video again", () => { state.from = 0; state.to = times.length - 1; ranged(); }), range,
    element("label", { title: "Play the range again and again" }, loop, "loop"),
    check("zoom to person", "Follow the person", (on) => { state.zoom = on; draw(); }),
    ...(runs.length > 1 ? [check("side by side", "A picture for each run", (on) => { state.side = on; layout(); })] : []),
    select("Joints that are drawn", GROUPS.map((g) => [g, g]), (value) => { state.group = value; draw(); }),
    element("label", { title: "Joints below it are drawn faint" }, "confidence from ", threshold, shownThreshold));
  const legend = element("div", { className: "posexp-bar posexp-legend" });
  for (const run of runs) {
    const box = element("input", { type: "checkbox", checked: true, ariaLabel: `Show ${run.label}` });
    box.onchange = () => { run.shown = box.checked; layout(); };
    legend.append(element("label", {}, box, element("span", { className: "posexp-chip", style: `background:${run.color}` }), run.label));
  }
  if (runs.length === 1) for (const side of ["left", "right"])
    if (runs[0].shades[side]) legend.append(element("span", { className: "posexp-key" }, element("span", { className: "posexp-chip", style: `background:${runs[0].shades[side]}` }), side));
  for (const kind of new Set(bands.map((band) => band.kind)))
    legend.append(element("span", { className: "posexp-key posexp-band" }, element("span", { className: "posexp-chip", style: `background:${BANDS[kind][1]}` }), BANDS[kind][0]));
  if (model.get("pickable")) legend.append(element("span", { className: "posexp-hint", textContent: "A click on the picture says how to follow who is there." }));
  const kindColor = (kind) => MARKS[Math.max(0, EVENTS.indexOf(kind))];
  for (const kind of new Set(marks.map((mark) => mark.kind)))
    legend.append(element("span", { className: "posexp-key posexp-mark" }, element("span", { className: "posexp-chip", style: `width:3px;background:${kindColor(kind)}` }), kind.replaceAll("_", " ")));
  picture.append(bar);
  root.append(picks, tools, legend);

  // ---------------------------------------------------------------- plots
  const plots = [];

  // A line of values over time: what is drawn once, a cursor on top, a click that seeks.
  function plot(title, unit, lines, chooser, limits, warn) {
    const canvas = element("canvas", { className: "posexp-plot" });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${title} over time; a click goes there`);
    const head = element("div", { className: "posexp-head" }, element("span", { textContent: `${title} (${unit})` }), ...(chooser ? [chooser] : []), ...(warn ? [warn] : []));
    graphs.append(element("div", {}, head, canvas));
    const base = document.createElement("canvas");
    const left = 44, right = 8, top = 6, bottom = 16;
    const at = (row) => left + ((times[row] - times[0]) / (times[times.length - 1] - times[0] || 1)) * (canvas.width / ratio() - left - right);
    const ratio = () => window.devicePixelRatio || 1;
    let wide = 200, tall = 92;
    const own = {
      prepare(breadth = wide, depth = tall) {
        wide = Math.max(160, breadth); tall = depth;
        const k = ratio();
        canvas.style.width = `${wide}px`; canvas.style.height = `${tall}px`;
        canvas.width = base.width = Math.round(wide * k); canvas.height = base.height = Math.round(tall * k);
        const g = base.getContext("2d"), style = getComputedStyle(root);
        g.setTransform(k, 0, 0, k, 0, 0); g.clearRect(0, 0, wide, tall);
        const shown = lines().filter((line) => line.run === undefined || line.run.shown);
        let [low, high] = limits || [Infinity, -Infinity];
        canvas.dataset.kinds = bands.map((band) => band.kind).join(" ");
        if (!limits) for (const line of shown) for (let row = 0; row < times.length; row++) {
          const value = line.value(row);
          if (Number.isFinite(value)) { low = Math.min(low, value); high = Math.max(high, value); }
        }
        if (low > high) [low, high] = [0, 1];
        if (high - low < 1e-6) { low -= 0.5; high += 0.5; }
        canvas.dataset.low = low; canvas.dataset.high = high;
        for (const band of bands) {
          const begin = at(rowAt(times, band.start + 1e-6)), end = at(Math.min(times.length - 1, rowAt(times, band.end + 1e-6) + 1));
          g.fillStyle = BANDS[band.kind][1]; g.fillRect(begin, top, Math.max(2, end - begin), tall - top - bottom);
        }
        for (const mark of marks) {
          const x = at(rowAt(times, mark.time + 1e-6));
          g.strokeStyle = kindColor(mark.kind); g.lineWidth = 1; g.setLineDash([2, 2]);
          g.beginPath(); g.moveTo(x, top); g.lineTo(x, tall - bottom); g.stroke(); g.setLineDash([]);
        }
        const y = (value) => top + ((high - value) / (high - low)) * (tall - top - bottom);
        g.font = "10px sans-serif"; g.fillStyle = style.color; g.strokeStyle = style.color; g.globalAlpha = 0.75;
        g.textAlign = "right"; g.textBaseline = "middle";
        for (const value of [low, (low + high) / 2, high]) {
          g.fillText(Math.abs(high - low) < 4 ? value.toFixed(2) : value.toFixed(0), left - 5, y(value));
          g.globalAlpha = 0.15; g.beginPath(); g.moveTo(left, y(value)); g.lineTo(wide - right, y(value)); g.stroke(); g.globalAlpha = 0.75;
        }
        g.textAlign = "center"; g.textBaseline = "alphabetic";
        for (let i = 0; i <= 4; i++) {
          const time = times[0] + ((times[times.length - 1] - times[0]) * i) / 4;
          g.fillText(`${time.toFixed(time < 100 ? 1 : 0)} s`, Math.min(wide - right - 14, Math.max(left, left + ((wide - left - right) * i) / 4)), tall - 4);
        }
        g.globalAlpha = 1; g.lineWidth = 1.3;
        for (const line of shown) {
          // More rows than pixels: the lowest and highest of each column are all that can be seen.
          g.strokeStyle = line.color; g.setLineDash(line.dash || []); g.beginPath();
          let column = -1, least = 0, most = 0, pen = false;
          const flush = () => { if (column >= 0) { g.lineTo(column, y(least)); if (most !== least) g.lineTo(column, y(most)); } };
          for (let row = 0; row < times.length; row++) {
            const value = line.value(row), x = Math.round(at(row) * 2) / 2;
            if (!Number.isFinite(value)) { flush(); column = -1; pen = false; continue; }
            if (x !== column) { flush(); column = x; least = most = value; if (!pen) { g.moveTo(x, y(value)); pen = true; } }
            else { least = Math.min(least, value); most = Math.max(most, value); }
          }
          flush(); g.stroke(); g.setLineDash([]);
        }
      },
      cursor() {
        const g = canvas.getContext("2d"), k = ratio();
        g.setTransform(1, 0, 0, 1, 0, 0); g.clearRect(0, 0, canvas.width, canvas.height); g.drawImage(base, 0, 0);
        g.setTransform(k, 0, 0, k, 0, 0);
        if (state.from > 0 || state.to < times.length - 1) {
          g.fillStyle = "rgba(86,180,233,.18)"; g.fillRect(at(state.from), top, at(state.to) - at(state.from), tall - top - bottom);
        }
        g.strokeStyle = "#e6352b"; g.lineWidth = 1.4; g.beginPath(); g.moveTo(at(state.row), top - 4); g.lineTo(at(state.row), tall - bottom); g.stroke();
        canvas.dataset.cursor = at(state.row).toFixed(1);
      },
    };
    const go = (event) => {
      const share = (event.offsetX - left) / (canvas.width / ratio() - left - right);
      const time = times[0] + share * (times[times.length - 1] - times[0]);
      let row = rowAt(times, time);
      if (row + 1 < times.length && times[row + 1] - time < time - times[row]) row += 1;
      if (state.playing) pause();
      show(row);
    };
    canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); go(event); canvas.onpointermove = go; };
    canvas.onpointerup = () => { canvas.onpointermove = null; };
    plots.push(own);
  }

  // Of several runs the joint, of one run the joint on both sides of the body, in its two shades.
  const other = (name) => name.replace(/left|right/, (side) => (side === "left" ? "right" : "left"));
  const sideOf = (name) => /left|right/.exec(name)?.[0];
  const perRun = (name, value, dash) => runs.flatMap((run) => {
    const names = runs.length === 1 && other(name) !== name ? [other(name), name] : [name];
    return names.map((one) => ({ run, color: (names.length > 1 && run.shades[sideOf(one)]) || run.color, dash, value: (row) => value(run, row, one) }));
  });
  const part = (axis) => (run, row, name) => {
    const joint = run.joints.indexOf(name), p = joint < 0 ? null : place(run, row, joint);
    return p ? p[axis] : NaN;
  };
  const replot = () => { for (const own of plots) own.prepare(); draw(); };
  const jointChooser = select("Joint that is plotted", model.get("joints").map((j) => [j, j.replaceAll("_", " ")]), (value) => { state.joint = value; replot(); });
  jointChooser.value = state.joint;
  if (disagreement.length) plot("distance between runs", "% of the torso", () => [{ color: "#888", value: (row) => 100 * disagreement[row] }]);
  plot("x solid, y dashed", "px", () => [...perRun(state.joint, part(0)), ...perRun(state.joint, part(1), [4, 3])], jointChooser);
  if (angleNames.length) {
    const doubtful = () => doubt && !state.angle.endsWith("_world");
    const said = (name) => name.replace(/_world$/, " (in space)").replaceAll("_", " ");
    const warn = element("span", { className: "posexp-warn", textContent: "not to be trusted", title: doubt });
    const chooser = select("Angle that is plotted", angleNames.map((a) => [a, said(a)]), (value) => { state.angle = value; warn.hidden = !doubtful(); replot(); });
    chooser.value = state.angle; warn.hidden = !doubtful();
    plot("angle", "degrees", () => perRun(state.angle, (run, row, name) => run.angles[row * angleNames.length + angleNames.indexOf(name)], doubtful() ? [2, 3] : null), chooser, null, warn);
  }
  plot(runs.length > 1 ? "confidence: means something else in each model" : "confidence", "0 to 1", () => perRun(state.joint, part(2)), null, [0, 1]);

  // ---------------------------------------------------------------- where to look
  const worst = model.get("worst");
  if (worst.length) {
    const list = element("div", { className: "posexp-worst" }, element("span", { textContent: "They disagree most at" }));
    for (const row of worst) list.append(button(`${times[row].toFixed(2)} s`, `Go to frame ${frames[row]}: ${(100 * disagreement[row]).toFixed(0)} % of the torso apart`, () => { if (state.playing) pause(); show(row); }));
    root.append(list);
  }

  // ---------------------------------------------------------------- keys, kernel, size
  root.onkeydown = (event) => {
    if (editing?.undoes(event)) { event.preventDefault(); event.stopPropagation(); return; }
    if (["INPUT", "SELECT"].includes(event.target.tagName)) return;
    const keys = {
      ArrowLeft: () => step(event.shiftKey ? -10 : -1), ArrowRight: () => step(event.shiftKey ? 10 : 1),
      " ": () => { if (event.target.tagName === "BUTTON") return false; flip(); },
      Home: () => step(-times.length), End: () => step(times.length),
    };
    if (!(event.key in keys) || keys[event.key]() === false) return;
    event.preventDefault(); event.stopPropagation();
  };
  const follow = () => {
    const row = frames.indexOf(model.get("frame"));
    if (row >= 0 && row !== state.row && wanted === null) { if (state.playing) pause(); show(row); }
  };
  model.on("change:frame", follow);
  if (model.get("editable")) {
    editing = editor({
      model, root, times, frames, size: [width, height], run: runs[0], color: kindColor,
      host: {
        row: () => state.row, pause: () => { if (state.playing) pause(); }, under, nearest,
        show: (row) => { if (state.playing) pause(); show(row); },
        at: (row, joint) => place(runs[0], row, joint),
        changed() { // of an edit: once all of it is there, drawn anew
          if (!editing) return;
          marks = editing.events; ticks();
          for (const [canvas] of canvases) held(canvas);
          if (editing.holding) draw(); else replot();
        },
      },
    });
    bar.prepend(editing.open);
    picture.append(editing.panel);
  }
  const watch = new ResizeObserver(() => resize());
  layout();
  watch.observe(root);
  const ready = () => { root.dataset.ready = "1"; show(Math.max(0, frames.indexOf(model.get("frame")))); };
  if (video) {
    video.onended = () => { if (state.playing && loop.checked) play(); else if (state.playing) pause(); };
    video.addEventListener("error", () => {
      if (stopped) return;
      note.textContent = "The video cannot be played here; the skeletons are still right. " + (video.error?.message || "");
      note.hidden = false; wanted = null; ready();
    });
    if (video.readyState >= 2) ready(); else video.addEventListener("loadeddata", ready, { once: true });
  } else ready();

  return () => {
    stopped = true; state.playing = false; clearTimeout(told); editing?.dispose(); watch.disconnect(); model.off("change:frame", follow);
    if (video) { video.pause(); video.removeAttribute("src"); video.load(); }
    if (own) URL.revokeObjectURL(own);
  };
}

export default { render };
