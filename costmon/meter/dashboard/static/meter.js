// Polls one application for its figures every 2 seconds and updates the page.
//
// Route names come from the application: they are inserted as text (textContent), never as markup.
// Everything is fetched from this page's own origin.

const EVERY_MS = 2000;
const HIDDEN_EVERY_MS = 15000;
const GIVE_UP_MS = 10000;
const FIRST_ROWS = 25;
const FIND_FROM = 12;
const SVG = "http://www.w3.org/2000/svg";
const LUMPS = { "(unmatched)": "Requests that matched no route", "(other)": "Routes beyond the first 1,000" };

const at = (id) => document.getElementById(id);
const api = at("meter").dataset.api;

const asked = { service: null, users: null, rps: null, route: null };
const shown = { all: false, find: "", sort: "monthly_usd", ascending: false };
let view = null;
let etag = null;
let heardAt = null;
let pending = null;
let timer = null;
let turn = 0;

// ---- text --------------------------------------------------------------------------------------

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const cents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const fine = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 2, maximumFractionDigits: 20 });
const three = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });

function money(text) {
  if (text === null) return "unknown";
  const amount = Number(text);
  if (amount !== 0 && Math.abs(amount) < 0.01) return `$${fine.format(amount)}`;
  return amount >= 100000 ? `$${whole.format(amount)}` : `$${cents.format(amount)}`;
}

const roughly = (text) => (Number(text) >= 10000 ? `$${compact.format(Number(text))}` : money(text));

const UNITS = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];

function span(ns, like = ns, digits = three) {
  if (ns === null) return "unknown";
  const [size, unit] = UNITS.find(([least]) => like >= least) ?? UNITS[3];
  return `${digits.format(ns / size)} ${unit}`;
}

function bytes(count) {
  if (count === null) return "unknown";
  const sizes = [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]];
  const [size, unit] = sizes.find(([least]) => count >= least) ?? [1, "B"];
  return `${three.format(count / size)} ${unit}`;
}

const percent = (share) => (share === null ? "unknown" : `${three.format(Number(share) * 100)} %`);
const plural = (count, one, many) => `${whole.format(count)} ${count === 1 ? one : many}`;
const machines = (fleet) => `${whole.format(fleet.instances)} × ${fleet.instance}`;

function ago(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

// ---- elements ----------------------------------------------------------------------------------

function made(tag, facts = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function drawn(tag, facts = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(facts)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function say(id, text) {
  const element = at(id);
  if (element.textContent !== text) element.textContent = text;
}

function bar(share) {
  const width = Math.max(0, Math.min(100, share * 100));
  return drawn("svg", { class: "bar", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawn("rect", { class: "track", width: 100, height: 6, rx: 1 }),
    drawn("rect", { class: "fill", width, height: 6, rx: 1 }));
}

function nameCell(route) {
  const lump = LUMPS[route.route];
  // A long path may break after each slash, as a path does.
  const parts = route.route.split(/(?<=\/)(?=.)/u).flatMap((part, index) => (index ? [made("wbr"), part] : [part]));
  return made("th", { scope: "row", class: lump ? "route lump" : "route", title: lump },
    made("span", { class: "method" }, route.method), " ",
    made("span", { class: "template" }, ...parts));
}

function cell(kind, text, note = null, facts = {}) {
  return made("td", { class: kind, ...facts }, text, note === null ? null : made("small", {}, note));
}

// Reuses the table rows that did not change, so that the page does not flicker.
class Rows {
  constructor(id, build) {
    this.body = at(id);
    this.build = build;
    this.kept = new Map();
  }

  show(routes, ...more) {
    const next = new Map();
    for (const route of routes) {
      const key = `${route.method} ${route.route}`;
      const written = JSON.stringify([route, more]);
      const before = this.kept.get(key);
      next.set(key, before?.written === written ? before : { written, row: this.build(route, ...more) });
    }
    const rows = [...next.values()].map((kept) => kept.row);
    const same = rows.length === this.body.children.length
      && rows.every((row, index) => this.body.children[index] === row);
    if (!same) this.body.replaceChildren(...rows);
    this.kept = next;
  }
}

// ---- routes ------------------------------------------------------------------------------------

function failures(route) {
  const failed = route.statuses.filter(([status]) => status >= 500).reduce((sum, [, count]) => sum + count, 0);
  return failed ? made("small", { class: "bad" }, `${plural(failed, "failure", "failures")}`) : null;
}

function statusesTitle(route) {
  return route.statuses.map(([status, count]) => `${status}: ${whole.format(count)}`).join(", ");
}

function budgetCell(route, any) {
  const facts = { class: "budgets" };
  if (!any) return made("td", { ...facts, hidden: "" });
  if (route.budget_usd === null) return made("td", { ...facts, class: "budgets muted" }, "none");
  const budget = Number(route.budget_usd);
  const used = budget ? Number(route.monthly_usd) / budget : Infinity;
  const state = route.over_budget
    ? made("span", { class: "state over" }, `over by ${money(String(Number(route.monthly_usd) - budget))}`)
    : made("span", { class: "state within" }, percent(used));
  return made("td", facts, state, made("small", {}, `of ${money(route.budget_usd)}`));
}

function interval(low, high, mean) {
  return low === null || high === null ? null : `± ${span((high - low) / 2, mean, fine)}`;
}

function costRow(route, highest, anyBudget) {
  const range = route.monthly_low_usd === null || route.monthly_high_usd === null
    ? undefined
    : `95 % interval: ${money(route.monthly_low_usd)} to ${money(route.monthly_high_usd)}; traffic: ${money(route.egress_usd)}`;
  const few = route.few ? "few requests" : null;
  return made("tr", { class: route.over_budget ? "over" : "" },
    nameCell(route),
    made("td", { class: "wide" }, bar(highest ? Number(route.monthly_usd) / highest : 0)),
    cell("n", money(route.monthly_usd), null, { title: range }),
    budgetCell(route, anyBudget),
    cell("n minor", money(route.user_usd)),
    cell("n minor", money(route.marginal_usd_per_1000)),
    cell("n", route.cpu === null ? "not measured" : span(route.cpu_mean_ns),
      few ?? (route.cpu === null ? null : interval(route.cpu_low_ns, route.cpu_high_ns, route.cpu_mean_ns))),
    made("td", { class: "n minor", title: statusesTitle(route) }, whole.format(route.requests),
      failures(route) ?? made("small", {}, percent(route.share))),
    cell("wide", machines(route.recommended), `${money(route.recommended.monthly_usd)} a month`));
}

function flag(spread, few) {
  if (spread === null || spread.ratio === null) return made("span", { class: "muted" }, "–");
  const text = `${three.format(Number(spread.ratio))}×`;
  if (spread.flagged) return made("span", { class: "state varies", title: "Requests vary widely" }, text);
  if (spread.waits) return made("span", { class: "muted", title: "Some requests wait longer than others; this does not say that they do more work" }, `${text} waiting`);
  return made("span", { class: "muted", title: few ? "Too few requests to be reliable" : undefined }, text);
}

function range(route, least, most) {
  const across = Math.log(most / least) || 1;
  const x = (ns) => (4 + (142 * Math.log(Math.max(ns, least) / least)) / across).toFixed(1);
  const svg = drawn("svg", { class: "range", viewBox: "0 0 150 18", "aria-hidden": "true" });
  for (const [kind, y] of [["cpu", 5], ["wall", 13]]) {
    const spread = route[kind];
    if (spread === null) continue;
    svg.append(
      drawn("line", { class: `${kind} tail`, x1: x(spread.p95_ns), x2: x(spread.p99_ns), y1: y, y2: y }),
      drawn("line", { class: kind, x1: x(spread.p50_ns), x2: x(spread.p95_ns), y1: y, y2: y }),
      drawn("circle", { class: kind, cx: x(spread.p50_ns), cy: y, r: 3.500 }));
  }
  return made("td", { class: "wide" }, svg);
}

function varianceRow(route, least, most) {
  const cells = (spread, kinds) => (spread === null
    ? kinds.map((kind) => cell(`${kind} muted`, "–"))
    : ["p50_ns", "p95_ns", "p99_ns"].map((name, index) => cell(kinds[index], span(spread[name]))));
  return made("tr", {},
    nameCell(route),
    range(route, least, most),
    ...cells(route.cpu, ["n", "n", "n minor"]),
    made("td", { class: "n" }, flag(route.cpu, route.few)),
    ...cells(route.wall, ["n", "n", "n minor"]),
    made("td", { class: "n" }, flag(route.wall, route.few)));
}

function seenRow(route) {
  return made("tr", {},
    nameCell(route),
    made("td", { class: "n", title: statusesTitle(route) }, whole.format(route.requests), failures(route)),
    cell("n", span(route.cpu_mean_ns)),
    cell("n minor", span(route.wall_mean_ns)),
    cell("n minor", bytes(route.bytes_out_mean)));
}

const costs = new Rows("routes", costRow);
const variance = new Rows("variance", varianceRow);
const seen = new Rows("seen", seenRow);

function ordered(routes) {
  const wanted = shown.find.toLowerCase();
  const found = wanted
    ? routes.filter((route) => `${route.method} ${route.route}`.toLowerCase().includes(wanted))
    : [...routes];
  const value = (route) => (shown.sort === "route" ? null : Number(route[shown.sort]));
  const name = (route) => `${route.route} ${route.method}`;
  found.sort((one, other) => {
    const by = shown.sort === "route" ? name(one).localeCompare(name(other)) : value(one) - value(other);
    return shown.ascending ? by : -by;
  });
  return found;
}

function more(id, count, total, found) {
  const line = at(id);
  const said = JSON.stringify([count, total, found, shown.all]);
  if (line.dataset.said === said) return;
  line.dataset.said = said;
  line.replaceChildren();
  if (!found && total) line.append("No route matches.");
  if (found <= FIRST_ROWS) return;
  const button = made("button", { type: "button", class: "link" },
    shown.all ? "Show fewer" : `Show all ${plural(found, "route", "routes")}`);
  button.addEventListener("click", () => {
    shown.all = !shown.all;
    place();
  });
  line.append(`${whole.format(count)} of ${plural(found, "route", "routes")}. `, button);
}

function placeRoutes(projection) {
  const routes = projection.routes;
  const found = ordered(routes);
  const rows = shown.all ? found : found.slice(0, FIRST_ROWS);
  const highest = routes.reduce((most, route) => Math.max(most, Number(route.monthly_usd)), 0);
  const anyBudget = routes.some((route) => route.budget_usd !== null);
  at("find").hidden = routes.length < FIND_FROM && !shown.find;
  for (const head of document.querySelectorAll("th.budgets")) head.hidden = !anyBudget;
  costs.show(rows, highest, anyBudget);
  more("routes-more", rows.length, routes.length, found.length);

  const every = rows.flatMap((route) => [route.cpu, route.wall]).filter((spread) => spread !== null);
  const least = Math.max(1000, Math.min(...every.map((spread) => spread.p50_ns)));
  const most = Math.max(least * 10, ...every.map((spread) => spread.p99_ns));
  variance.show(rows, least, most);
  more("variance-more", rows.length, routes.length, found.length);
}

// ---- the summary -------------------------------------------------------------------------------

const PARTS = [
  ["routes", "routes", "attributed_usd", "CPU used by routes"],
  ["residual", "server", "residual_usd", "The server itself, garbage collection, native threads"],
  ["idle", "idle", "idle_usd", "Spare capacity: paid for, but unused"],
  ["egress", "traffic", "egress_usd", "Bytes sent to the internet"],
];

function placeCost(projection, options) {
  say("monthly", money(projection.monthly_usd));
  const one = Number(projection.monthly_usd) / projection.target_users;
  say("per-user", `${money(String(one))} a user, at ${three.format(Number(projection.requests_per_second))} requests a second in total`);
  const total = PARTS.reduce((sum, [, , field]) => sum + Number(projection[field]), 0);
  let x = 0;
  const rects = [];
  const items = [];
  for (const [kind, name, field, title] of PARTS) {
    const width = total ? (Number(projection[field]) / total) * 1000 : 0;
    rects.push(drawn("rect", { class: `part-${kind}`, x: x.toFixed(2), width: width.toFixed(2), height: 8 }));
    x += width;
    items.push(made("li", { title }, made("i", { class: `part-${kind}` }), `${name} `, made("strong", {}, money(projection[field]))));
  }
  const parts = at("parts");
  parts.replaceChildren(...rects);
  parts.setAttribute("aria-label", PARTS.map(([, name, field]) => `${name} ${money(projection[field])}`).join(", "));
  at("legend").replaceChildren(...items);
  for (const [id, value] of [["users", projection.target_users], ["rps", options.requests_per_user_per_second]]) {
    const input = at(id);
    if (document.activeElement !== input && !input.dataset.typed) input.value = String(value).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  }
  at("as-set").hidden = asked.users === null && asked.rps === null;
}

const BINDING = { cpu: "The number follows from CPU.", memory: "The number follows from memory.", workers: "The number follows from concurrent requests." };

function placeFleet(projection) {
  const fleet = projection.fleet;
  say("fleet", machines(fleet));
  say("binding", `${BINDING[fleet.binding]} ${three.format(Number(fleet.vcpu))} vCPU and ${three.format(Number(fleet.memory_gib))} GiB each.`);
  say("utilisation", percent(fleet.cpu_utilisation));
  say("vcpu-needed", three.format(Number(fleet.vcpu_needed)));
  say("workers-needed", whole.format(fleet.workers_needed));
  say("memory-needed", `${three.format(Number(fleet.memory_gib_needed))} GiB`);
  say("prices", `${projection.provider} ${projection.region}, list prices as of ${projection.prices_as_of}${projection.prices_stale ? " (outdated)" : ""}: ${projection.prices_source}`);
}

function placeRecording() {
  const { recording } = view;
  say("requests", plural(view.requests, "request", "requests"));
  const length = ago(recording.seconds);
  const warm = recording.state === "warming_up" ? ` Warm-up: ${Math.ceil(recording.warmup_left_s)} s left.` : "";
  const runs = recording.runs_since ? ` Includes runs since ${new Date(recording.runs_since).toLocaleString()}.` : "";
  say("since", `${view.service || "this application"}: measured for ${length}${recording.is_recording ? `.${warm}` : "; recording is stopped."}${runs}`);
  const sample = view.options.sample > 1 ? ` (1 in ${view.options.sample})` : "";
  say("attributed", percent(view.cpu.attributed_ratio) + sample);
  say("processes", whole.format(view.processes));
  const busy = pending !== null;
  document.querySelector("[data-action=start]").disabled = busy || recording.is_recording;
  document.querySelector("[data-action=stop]").disabled = busy || !recording.is_recording;
  document.querySelector("[data-action=reset]").disabled = busy;
}

function placeNotes(projection) {
  const notes = [...(projection?.notes ?? [])];
  if (view.faults) notes.push(`The meter itself failed ${plural(view.faults, "time", "times")}; the application was not affected. See its log (logger costmon.meter).`);
  const list = at("notes");
  list.hidden = !notes.length;
  const said = JSON.stringify(notes);
  if (list.dataset.said === said) return;
  list.dataset.said = said;
  list.replaceChildren(...notes.map((note) => made("li", {}, note)));
}

const EMPTY = { no_data: "Nothing measured yet", warming_up: "Warming up", stopped: "Recording is stopped", no_prices: "No usable prices" };

function placeEmpty() {
  const { unprojected, recording } = view;
  at("empty").hidden = unprojected === null;
  at("how").hidden = true;
  at("seen-card").hidden = !view.seen.length;
  if (unprojected === null) return;
  say("empty-title", EMPTY[unprojected.state]);
  say("empty-text", unprojected.text);
  const warming = unprojected.state === "warming_up" && recording.warmup_s > 0;
  at("empty-bar").toggleAttribute("hidden", !warming);
  if (warming) at("empty-fill").setAttribute("width", String(100 * (1 - recording.warmup_left_s / recording.warmup_s)));
  const rows = shown.all ? view.seen : view.seen.slice(0, FIRST_ROWS);
  seen.show(rows);
  more("seen-more", rows.length, view.seen.length, view.seen.length);
}

// ---- the curve ---------------------------------------------------------------------------------

let curveDrawn = "";

function placeCurveRoutes(projection) {
  const select = at("curve-route");
  const names = projection.routes.map((route) => `${route.method} ${route.route}`);
  const said = JSON.stringify(names);
  if (select.dataset.said !== said) {
    select.dataset.said = said;
    select.replaceChildren(made("option", { value: "" }, "all routes"), ...names.map((name) => made("option", { value: name }, name)));
  }
  select.value = asked.route ?? "";
}

function placeCurve(projection) {
  placeCurveRoutes(projection);
  const box = at("curve");
  const width = Math.round(box.clientWidth);
  const ofRoute = asked.route === null ? null : view.route_curve ?? null;
  const curve = ofRoute === null ? projection.curve : projection.curve.map((point, index) => ({ ...point, ...ofRoute[index] }));
  const points = curve.map((point) => ({ ...point, usd: Number(point.monthly_usd) })).filter((point) => point.usd > 0);
  const route = ofRoute === null ? undefined : projection.routes.find((each) => `${each.method} ${each.route}` === asked.route);
  const target = { users: projection.target_users, usd: Number((route ?? projection).monthly_usd) };
  const said = JSON.stringify([width, curve, target]);
  if (said === curveDrawn || !width) return;
  curveDrawn = said;
  at("curve-card").hidden = points.length < 2;
  if (points.length < 2) return;
  drawCurve(box, width, points, target);
  at("points").replaceChildren(...curve.map((point) => made("tr", {},
    made("th", { scope: "row", class: "n" }, whole.format(point.users)),
    cell("n", money(point.monthly_usd)),
    cell("", machines(point)),
    cell("n minor", money(point.egress_usd)))));
}

function decades(least, most) {
  const from = Math.floor(Math.log10(least));
  const to = Math.max(from + 1, Math.ceil(Math.log10(most)));
  return Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
}

function drawCurve(box, width, points, target) {
  const height = width < 520 ? 230 : 280;
  const [left, right, top, bottom] = [56, 18, 14, 26];
  const xs = decades(points[0].users, points.at(-1).users);
  const ys = decades(Math.min(...points.map((point) => point.usd)), Math.max(...points.map((point) => point.usd)));
  const place = (value, scale, from, to) => from + ((to - from) * Math.log(value / scale[0])) / Math.log(scale.at(-1) / scale[0]);
  const x = (users) => place(users, xs, left, width - right);
  const y = (usd) => place(usd, ys, height - bottom, top);
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `Monthly cost from ${whole.format(points[0].users)} to ${whole.format(points.at(-1).users)} users: ${money(points[0].monthly_usd)} to ${money(points.at(-1).monthly_usd)}` });
  const every = Math.ceil((ys.length - 1) / 6);
  for (const [index, usd] of ys.entries()) {
    if (index % every) continue;
    svg.append(drawn("line", { class: "grid", x1: left, x2: width - right, y1: y(usd), y2: y(usd) }),
      drawn("text", { x: left - 8, y: y(usd) + 4, "text-anchor": "end" }, usd >= 1 ? `$${compact.format(usd)}` : `$${fine.format(usd)}`));
  }
  for (const users of xs) {
    svg.append(drawn("text", { x: x(users), y: height - 6, "text-anchor": users === xs.at(-1) ? "end" : "middle" }, compact.format(users)));
  }
  const path = points.map((point, index) => `${index ? "L" : "M"}${x(point.users).toFixed(1)} ${y(point.usd).toFixed(1)}`).join("");
  svg.append(drawn("path", { class: "area", d: `${path}L${x(points.at(-1).users)} ${height - bottom}L${x(points[0].users)} ${height - bottom}Z` }),
    drawn("path", { class: "line", d: path }));
  const dots = points.map((point) => drawn("circle", { class: "dot", cx: x(point.users), cy: y(point.usd), r: 3.500 }));
  svg.append(...dots);
  const inside = target.users >= xs[0] && target.users <= xs.at(-1) && target.usd >= ys[0] && target.usd <= ys.at(-1);
  if (inside) {
    svg.append(drawn("line", { class: "target", x1: x(target.users), x2: x(target.users), y1: top, y2: height - bottom }),
      drawn("circle", { class: "target-dot", cx: x(target.users), cy: y(target.usd), r: 5 }));
  }
  const calm = `At ${plural(target.users, "user", "users")}: ${money(String(target.usd))} a month. Both scales are logarithmic.`;
  say("curve-says", calm);
  svg.addEventListener("pointermove", (event) => {
    const place = event.clientX - svg.getBoundingClientRect().left;
    const near = points.reduce((best, _, index) => (Math.abs(x(points[index].users) - place) < Math.abs(x(points[best].users) - place) ? index : best), 0);
    dots.forEach((dot, index) => dot.classList.toggle("near", index === near));
    const point = points[near];
    say("curve-says", `${plural(point.users, "user", "users")}: ${money(point.monthly_usd)} a month, on ${machines(point)}`);
  });
  svg.addEventListener("pointerleave", () => {
    for (const dot of dots) dot.classList.remove("near");
    say("curve-says", calm);
  });
  box.replaceChildren(svg);
}

// ---- page --------------------------------------------------------------------------------------

const PILLS = { recording: ["good", "recording"], warming_up: ["wait", "warming up"], stopped: ["bad", "stopped"] };

function placePill() {
  const [kind, text] = view.processes ? PILLS[view.recording.state] : ["wait", "no worker running"];
  const left = view.processes && view.recording.state === "warming_up" ? `, ${Math.ceil(view.recording.warmup_left_s)} s left` : "";
  const pill = at("pill");
  pill.className = `pill ${kind}`;
  say("pill", text + left);
}

function placeServices(meta) {
  const select = at("services");
  at("chooser").hidden = meta.services.length < 2;
  const said = JSON.stringify(meta.services);
  if (select.dataset.said !== said) {
    select.dataset.said = said;
    select.replaceChildren(...meta.services.map((name) => made("option", { value: name }, name)));
  }
  if (view !== null) select.value = view.service;
}

function place() {
  if (view === null) {
    at("empty").hidden = false;
    say("empty-title", "No application is reporting yet");
    say("empty-text", "Add the meter to an application (one line of code) and send it a request. This page then shows what each of its routes costs.");
    at("how").hidden = false;
    for (const id of ["summary", "notes", "seen-card", "routes-card", "curve-card", "variance-card"]) at(id).hidden = true;
    at("pill").className = "pill wait";
    say("pill", "no application yet");
    return;
  }
  const { projection } = view;
  document.title = `${view.service || "Meter"} · costmon meter`;
  at("summary").hidden = false;
  for (const part of document.querySelectorAll("[data-projected]")) part.hidden = projection === null;
  at("summary").classList.toggle("alone", projection === null);
  settle();
  placePill();
  placeRecording();
  placeNotes(projection);
  placeEmpty();
  if (projection === null) {
    curveDrawn = "";
    return;
  }
  placeCost(projection, view.options);
  placeFleet(projection);
  placeRoutes(projection);
  placeCurve(projection);
}

// ---- polling -----------------------------------------------------------------------------------

function query() {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) if (value !== null) parameters.set(name, value);
  const text = parameters.toString();
  return text ? `?${text}` : "";
}

async function message(response) {
  try {
    return (await response.json()).message ?? response.statusText;
  } catch {
    return `${response.status} ${response.statusText}`;
  }
}

async function ask() {
  const mine = ++turn;
  clearTimeout(timer);
  try {
    const headers = etag === null ? {} : { "If-None-Match": etag };
    const response = await fetch(api + query(), { headers, cache: "no-store", signal: AbortSignal.timeout(GIVE_UP_MS) });
    if (mine !== turn) return;
    if (response.status === 200) {
      const answer = await response.json();
      if (mine !== turn) return;
      etag = response.headers.get("ETag");
      view = answer.data;
      heard();
      placeServices(answer.meta);
      place();
    } else if (response.status === 304) {
      heard();
      if (view !== null) {
        settle();
        placeRecording();
      }
    } else if (response.status === 401) {
      location.reload();
    } else if (response.status === 400 || response.status === 404) {
      heard();
      refused(await message(response), response.status === 404);
    } else {
      lost(await message(response));
    }
  } catch (error) {
    if (mine === turn) lost(error.name === "TimeoutError" ? "no response in time" : "not reachable");
  }
  if (mine === turn) timer = setTimeout(ask, document.hidden ? HIDDEN_EVERY_MS : EVERY_MS);
}

function heard() {
  heardAt = Date.now();
  at("contact").hidden = true;
}

function lost(why) {
  const since = heardAt === null ? "" : ` for ${ago((Date.now() - heardAt) / 1000)}; the figures below are from ${new Date(heardAt).toLocaleTimeString()}`;
  say("contact", `No contact with the application${since} (${why}). This page retries automatically.`);
  at("contact").hidden = false;
  at("pill").className = "pill bad";
  say("pill", "no contact");
  etag = null;
}

// The URL or the form has a value that is not valid, or names a service that is gone: show the
// error and continue with the configured values.
function refused(why, isGone) {
  say("what-if-fault", why);
  at("what-if-fault").hidden = false;
  Object.assign(asked, isGone ? { service: null } : { users: null, rps: null });
  history.replaceState(null, "", location.pathname + query());
  etag = null;
}

function changed() {
  history.replaceState(null, "", location.pathname + query());
  etag = null;
  ask();
}

// ---- events ------------------------------------------------------------------------------------

function settle() {
  if (pending === null) return;
  const { recording } = view;
  const done = recording.id === pending.recording && recording.is_recording === pending.is_recording;
  if (done || Date.now() > pending.until) {
    say("asked", done ? "" : "Not every worker has confirmed yet; busy or stopped workers take longer.");
    pending = null;
  }
}

async function token() {
  const page = await (await fetch(location.pathname, { cache: "no-store" })).text();
  return page.match(/name="costmon-token" content="([\w-]+)"/)?.[1] ?? "";
}

// In the service, changes need a sign-in; an application's own page has no such thing.
function askToSignIn() {
  at("controls").hidden = true;
  at("sign-in").hidden = false;
}

if (document.querySelector("meta[name=costmon-signed-in]")?.content === "no") askToSignIn();

async function send(action, again = true) {
  const meta = document.querySelector("meta[name=costmon-token]");
  const headers = { "Content-Type": "application/json" };
  if (meta !== null) headers["X-Costmon-Token"] = meta.content;
  const body = JSON.stringify({ action, service: view.service });
  const response = await fetch(`${api}/recording`, { method: "POST", headers, body, signal: AbortSignal.timeout(GIVE_UP_MS) });
  if (response.status === 403 && meta !== null && again) {
    // Another worker, which has another token, is serving this page now.
    meta.content = await token();
    return send(action, false);
  }
  if (response.status === 401) {
    askToSignIn();
    throw new Error("you are no longer signed in");
  }
  if (response.status !== 202) throw new Error(await message(response));
  return (await response.json()).data;
}

let sureTimer = null;

function unsure() {
  clearTimeout(sureTimer);
  for (const button of document.querySelectorAll("[data-action].sure")) {
    button.classList.remove("sure");
    button.textContent = button.dataset.label;
  }
}

async function order(button) {
  const { action } = button.dataset;
  const sure = button.classList.contains("sure");
  unsure();
  if (action !== "stop" && view.requests > 0 && !sure) {
    button.dataset.label = button.textContent;
    button.textContent = "Discard all figures?";
    button.classList.add("sure");
    say("asked", "This discards the figures of the current recording. Press again to confirm.");
    sureTimer = setTimeout(() => {
      unsure();
      say("asked", "");
    }, 5000);
    return;
  }
  say("asked", "Sent; workers follow within seconds.");
  try {
    const wanted = await send(action);
    pending = { ...wanted, until: Date.now() + 15000 };
    placeRecording();
    ask();
  } catch (error) {
    say("asked", `Failed: ${error.message}`);
  }
}

for (const button of document.querySelectorAll("[data-action]")) {
  button.addEventListener("click", () => order(button));
}

for (const button of document.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => {
    const { sort } = button.dataset;
    shown.ascending = shown.sort === sort ? !shown.ascending : sort === "route";
    shown.sort = sort;
    for (const head of document.querySelectorAll("#costs th[aria-sort]")) head.removeAttribute("aria-sort");
    button.closest("th").setAttribute("aria-sort", shown.ascending ? "ascending" : "descending");
    place();
  });
}

at("filter").addEventListener("input", (event) => {
  shown.find = event.target.value.trim();
  place();
});

at("curve-route").addEventListener("change", (event) => {
  asked.route = event.target.value || null;
  changed();
});

at("services").addEventListener("change", (event) => {
  asked.service = event.target.value;
  asked.route = null;
  changed();
});

for (const id of ["users", "rps"]) {
  at(id).addEventListener("input", () => {
    at(id).dataset.typed = "yes";
  });
}

function untyped() {
  for (const id of ["users", "rps"]) delete at(id).dataset.typed;
  at("what-if-fault").hidden = true;
}

at("what-if").addEventListener("submit", (event) => {
  event.preventDefault();
  const [users, rps] = [at("users").value.replace(/[,\s_]/g, ""), at("rps").value.trim().replace(",", ".")];
  untyped();
  Object.assign(asked, { users: users || null, rps: rps || null });
  document.activeElement?.blur();
  changed();
});

at("as-set").addEventListener("click", () => {
  untyped();
  Object.assign(asked, { users: null, rps: null });
  changed();
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) ask();
});

new ResizeObserver(() => {
  if (view !== null && view.projection !== null) placeCurve(view.projection);
}).observe(at("curve"));

for (const [name, value] of new URLSearchParams(location.search)) {
  if (name in asked) asked[name] = value;
}
ask();
