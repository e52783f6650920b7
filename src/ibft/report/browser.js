// The report's behaviour: theme, sortable tables, and the sample browser.
// Whatever a model or a dataset wrote reaches the screen through textContent alone.
"use strict";

const byId = (id) => document.getElementById(id);

const index = JSON.parse(byId("index").textContent);
const LINES = "\n\t"; // keep their effect in code

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("aria-")) made.setAttribute(key, visible(String(value)));
    else if (key === "role" || key === "scope") made.setAttribute(key, value);
    else made[key] = key === "textContent" ? visible(value) : value;
  }
  const keep = name === "pre" ? LINES : "";
  made.append(...children.flatMap((child) => (typeof child === "string" ? marked(child, keep) : [child])));
  return made;
}

// ---------------------------------------------------------------- characters that nobody would see

const UNSEEN = new RegExp(`[${index.unseen.map((range) => range.map((code) => `\\u{${code.toString(16)}}`).join("-")).join("")}]`, "gu");

// A text with U+202E, say, spelled as ⟨U+202E⟩, but for the characters that are to keep their effect.
function visible(text, keep = "") {
  const kept = (found, at) => keep && (keep.includes(found) || (found === "\r" && text[at + 1] === "\n"));
  return text.replace(UNSEEN, (found, at) => {
    if (kept(found, at)) return found;
    return `⟨U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

// The same as nodes, in which what is spelled out stands apart.
function marked(text, keep = "") {
  return visible(text, keep)
    .split(/(⟨U\+[0-9A-F]{4,6}⟩)/)
    .map((part, i) => {
      if (i % 2 === 0) return part;
      const span = document.createElement("span");
      span.className = "unseen";
      span.textContent = part;
      return span;
    });
}

// ---------------------------------------------------------------- theme

byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});

// ---------------------------------------------------------------- sortable tables

function sortKey(cell) {
  const text = cell.dataset.value ?? cell.textContent.trim();
  const number = parseFloat(text.replaceAll(",", "").replace("−", "-"));
  return /^[-+−]?[\d.,]+/.test(text) && !Number.isNaN(number) ? number : text.toLowerCase();
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  heads.forEach((head, column) => {
    const button = element("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows].map((row) => [sortKey(row.cells[column]), row]);
      rows.sort(([a], [b]) => {
        const order = typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
        return ascending ? order : -order;
      });
      table.tBodies[0].append(...rows.map(([, row]) => row));
    });
  });
}

document.querySelectorAll("table.sortable").forEach(makeSortable);

// ---------------------------------------------------------------- packed data

const unpacked = new Map();

function unpack(id) {
  if (!unpacked.has(id)) unpacked.set(id, unpackNow(id));
  return unpacked.get(id);
}

async function unpackNow(id) {
  const binary = atob(byId(id).textContent.trim());
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

async function samplesOf(run) {
  if (!run.chunk) return [];
  const data = await unpack(run.chunk);
  const text = (column, row) => data.texts[data[column][row]];
  return data.sample.map((sample, row) => ({
    task: text("task", row),
    sample,
    completion: text("completion", row),
    code: text("code", row),
    status: text("status", row),
    detail: text("detail", row),
    official: Boolean(data.official[row]),
    finish: text("finish", row),
    tokens: data.tokens[row],
    logLikelihood: data.logLikelihood[row],
  }));
}

// ---------------------------------------------------------------- highlighting

const KEYWORDS = {
  python:
    "and as assert async await break class continue def del elif else except False finally for from global if import in is " +
    "lambda None nonlocal not or pass raise return True try while with yield match case",
  verilog:
    "always always_comb always_ff always_latch and assign begin bit buf byte case casex casez default defparam else end " +
    "endcase endfunction endgenerate endmodule endtask enum final for forever function generate genvar if initial inout " +
    "input int integer localparam logic module nand negedge nor not or output parameter posedge real reg repeat signed " +
    "struct supply0 supply1 task time tri typedef union unsigned wait while wire xnor xor",
};
const PATTERNS = {
  python: /(?<c>#[^\n]*)|(?<s>("""|''')[\s\S]*?(?:\3|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|(?<n>\b\d[\w.]*)|(?<w>[A-Za-z_]\w*)/g,
  verilog: /(?<c>\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<s>"(?:\\.|[^"\\\n])*"?)|(?<n>\d*'[sS]?[bodhBODH][\w?]+|\b\d[\w.]*)|(?<w>[$`A-Za-z_][\w$]*)/g,
};
const LONGEST_HIGHLIGHTED = 20000; // characters; beyond, plain text keeps the page quick

function highlighted(code, language) {
  const pre = element("pre", { tabIndex: 0 });
  const pattern = PATTERNS[language];
  if (!pattern || code.length > LONGEST_HIGHLIGHTED) {
    pre.textContent = visible(code, LINES);
    return pre;
  }
  const keywords = new Set(KEYWORDS[language].split(" "));
  let end = 0;
  for (const match of code.matchAll(pattern)) {
    const { c, s, n, w } = match.groups;
    const kind = c ? "c" : s ? "s" : n ? "n" : w && (keywords.has(w) || "$`".includes(w[0])) ? "k" : "";
    if (!kind) continue;
    const span = element("span", { className: kind });
    span.append(...marked(match[0], LINES));
    pre.append(...marked(code.slice(end, match.index), LINES), span);
    end = match.index + match[0].length;
  }
  pre.append(...marked(code.slice(end), LINES));
  return pre;
}

// ---------------------------------------------------------------- sample browser

const LISTED_AT_ONCE = 200;
const ALL = "";
let state = null;

const place = () => index.places[state.place];
const run = () => place().runs[state.run];
const runName = (each) => `${each.method}, training seed ${each.seed}, trial ${each.trial}`;
const statusName = (status) => status.replaceAll("_", " ");

function fill(select, options, chosen) {
  select.replaceChildren(
    ...options.map(([value, text]) => element("option", { value, textContent: text, selected: value === String(chosen) })),
  );
}

function choosePlace(number) {
  state = { place: number, run: 0, task: index.places[number].tasks[0] ?? ALL, status: ALL, at: 0, shown: LISTED_AT_ONCE, samples: [] };
  fill(byId("run"), place().runs.map((each, i) => [String(i), runName(each)]), 0);
  fillTasks();
  drawGrid();
  return chooseRun(0);
}

function fillTasks() {
  const wanted = byId("find").value.toLowerCase();
  const tasks = place().tasks.filter((task) => task.toLowerCase().includes(wanted));
  fill(byId("task"), [[ALL, `all ${place().tasks.length} problems`], ...tasks.map((task) => [task, task])], state.task);
}

async function chooseRun(number, task = state.task) {
  Object.assign(state, { run: number, task, at: 0, shown: LISTED_AT_ONCE });
  byId("run").value = String(number);
  if (![...byId("task").options].some((option) => option.value === task)) {
    byId("find").value = "";
    fillTasks();
  }
  byId("task").value = task;
  const token = (state.token = {});
  const samples = await samplesOf(run());
  if (state.token !== token) return; // something else was chosen meanwhile
  state.samples = samples;
  drawStatuses();
  drawList();
  markGrid();
}

const ofTask = () => state.samples.filter((sample) => !state.task || sample.task === state.task);
const listed = () => ofTask().filter((sample) => !state.status || sample.status === state.status);

function drawStatuses() {
  const counts = new Map();
  for (const sample of ofTask()) counts.set(sample.status, (counts.get(sample.status) ?? 0) + 1);
  if (state.status && !counts.has(state.status)) counts.set(state.status, 0);
  const chip = (status, text) => {
    const made = element("button", { type: "button", className: "chip", textContent: text, "aria-pressed": String(state.status === status) });
    made.addEventListener("click", () => {
      Object.assign(state, { status, at: 0, shown: LISTED_AT_ONCE });
      drawStatuses();
      drawList();
    });
    return made;
  };
  const found = [...counts].sort((a, b) => (b[0] === "passed") - (a[0] === "passed") || b[1] - a[1]);
  byId("statuses").replaceChildren(
    byId("statuses").firstElementChild,
    chip(ALL, `all ${ofTask().length}`),
    ...found.map(([status, count]) => chip(status, `${statusName(status)} ${count}`)),
  );
}

function drawList() {
  const samples = listed();
  const rows = samples.slice(0, state.shown).map((sample, i) => {
    const name = state.task ? `sample ${sample.sample}` : `${sample.task} · ${sample.sample}`;
    const status = element("span", { className: `status ${sample.status === "passed" ? "passed" : ""}` }, statusName(sample.status));
    const row = element("button", { type: "button", role: "option", "aria-selected": String(i === state.at) }, element("span", {}, name), status);
    row.addEventListener("click", () => chooseSample(i));
    return row;
  });
  if (samples.length > state.shown) {
    const more = element("button", { type: "button", className: "more" }, `show more (${samples.length - state.shown} left)`);
    more.addEventListener("click", () => {
      state.shown += LISTED_AT_ONCE;
      drawList();
    });
    rows.push(more);
  }
  byId("list").replaceChildren(...rows);
  drawSample();
}

function chooseSample(i) {
  const before = byId("list").children[state.at];
  before?.setAttribute("aria-selected", "false");
  state.at = i;
  if (i >= state.shown) {
    state.shown = i + LISTED_AT_ONCE;
    drawList();
  }
  const chosen = byId("list").children[i];
  chosen?.setAttribute("aria-selected", "true");
  const box = byId("list");
  if (chosen && (chosen.offsetTop < box.scrollTop || chosen.offsetTop > box.scrollTop + box.clientHeight - 40)) {
    box.scrollTop = chosen.offsetTop - 40;
  }
  return drawSample();
}

async function drawSample() {
  const samples = listed();
  const sample = samples[state.at];
  const view = byId("sample");
  if (!sample) {
    const why = run().chunk ? "No sample of this status." : "The samples of this run are not part of the report.";
    view.replaceChildren(element("p", { className: "note" }, why));
    return;
  }
  const token = (state.drawing = {});
  const problems = place().problems ? await unpack(place().problems) : {};
  if (state.drawing !== token) return;
  const problem = problems[sample.task] ?? {};
  view.replaceChildren(...sampleHead(sample, samples.length), ...sampleBody(sample, problem));
}

function sampleHead(sample, count) {
  const step = (text, by) => {
    const button = element("button", { type: "button", disabled: !(state.at + by in listed()) }, text);
    button.addEventListener("click", () => chooseSample(state.at + by).then(() => byId("sample").focus({ preventScroll: true })));
    return button;
  };
  const status = element("b", { className: `status ${sample.status === "passed" ? "passed" : ""}` }, statusName(sample.status));
  const official = (sample.status === "passed") === sample.official ? "" : sample.official ? " · the upstream harness passes it" : " · the upstream harness fails it";
  const cut = sample.finish === "length" ? " (cut by the token limit)" : "";
  const drawn = sample.tokens === null ? "imported" : `${sample.tokens} tokens${cut} · log-likelihood ${sample.logLikelihood}`;
  return [
    element("h3", {}, `${sample.task}, sample ${sample.sample}`),
    element("div", {}, status, sample.detail ? ` ${sample.detail}` : "", official),
    element("p", { className: "note" }, `${runName(run())} · ${drawn} · ${state.at + 1} of ${count}`),
    element("div", { className: "steps" }, step("← previous", -1), step("next →", 1)),
  ];
}

function sampleBody(sample, problem) {
  const code = (title, text, open) => {
    if (!text) return [];
    if (open) return [element("h4", {}, title), highlighted(text, problem.language)];
    return [element("details", {}, element("summary", {}, title), highlighted(text, problem.language))];
  };
  const description = problem.description ? [element("h4", {}, "Description"), element("pre", {}, problem.description)] : [];
  return [
    ...description,
    ...code("Prompt", problem.prompt, true),
    ...code("Extracted code", sample.code || "(nothing could be extracted)", true),
    ...code("Completion, verbatim", sample.completion, sample.code.trim() !== sample.completion.trim()),
    ...code("Reference solution", problem.reference_solution, false),
    ...code("Tests", problem.tests, false),
  ];
}

// ---------------------------------------------------------------- problem x method table

function drawGrid() {
  const methods = [...new Set(place().runs.map((each) => each.method))];
  const head = element("tr", {}, element("th", { scope: "col" }, "Problem"), ...methods.map((method) => element("th", { scope: "col" }, method)));
  const wanted = byId("find").value.toLowerCase();
  const rows = place().tasks.flatMap((task, t) => (task.toLowerCase().includes(wanted) ? [gridRow(task, t, methods)] : []));
  byId("grid").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
  markGrid();
}

function gridRow(task, t, methods) {
  const cells = methods.map((method) => {
    const runs = place().runs.filter((each) => each.method === method);
    const sum = (name) => runs.reduce((total, each) => total + each[name][t], 0);
    const [passed, total] = [sum("c"), sum("n")];
    const share = total ? passed / total : 0;
    const button = element("button", { type: "button", textContent: `${passed}/${total}`, "aria-label": `${task}, ${method}: ${passed} of ${total} passed` });
    button.dataset.task = task;
    button.dataset.method = method;
    button.style.setProperty("--cell", `color-mix(in oklab, var(--good) ${Math.round(55 * share)}%, var(--paper))`);
    button.addEventListener("click", () => {
      state.status = ALL;
      chooseRun(place().runs.findIndex((each) => each.method === method), task).then(() => {
        byId("sample").scrollIntoView({ block: "nearest" });
        byId("sample").focus({ preventScroll: true });
      });
    });
    return element("td", {}, button);
  });
  return element("tr", {}, element("th", { scope: "row" }, task), ...cells);
}

function markGrid() {
  for (const button of byId("grid").querySelectorAll("button")) {
    const current = button.dataset.task === state.task && button.dataset.method === run().method;
    button.setAttribute("aria-current", String(current));
  }
}

// ---------------------------------------------------------------- controls

function stepTask(by) {
  const tasks = place().tasks;
  const next = tasks[tasks.indexOf(state.task) + by];
  if (next !== undefined) chooseRun(state.run, next);
}

if (index.places.length) {
  fill(byId("place"), index.places.map((each, i) => [String(i), each.label]), 0);
  byId("place").addEventListener("change", (event) => choosePlace(Number(event.target.value)));
  byId("run").addEventListener("change", (event) => chooseRun(Number(event.target.value)));
  byId("task").addEventListener("change", (event) => chooseRun(state.run, event.target.value));
  byId("find").addEventListener("input", () => {
    fillTasks();
    drawGrid();
  });
  byId("sample").addEventListener("keydown", (event) => {
    if (event.target !== byId("sample") || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = listed().length - 1;
    const actions = {
      ArrowLeft: () => state.at > 0 && chooseSample(state.at - 1),
      ArrowRight: () => state.at < last && chooseSample(state.at + 1),
      ArrowUp: () => stepTask(-1),
      ArrowDown: () => stepTask(1),
    };
    if (event.key in actions) {
      event.preventDefault();
      actions[event.key]();
    }
  });
  choosePlace(0);
} else {
  byId("sample").replaceChildren(element("p", { className: "note" }, "This report holds no samples."));
}
