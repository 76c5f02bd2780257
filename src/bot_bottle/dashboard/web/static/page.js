// Draws snapshots and sends what the operator decides. Whatever a bottle said becomes text, never markup: no innerHTML here, and
// the page's policy forbids it. A card is drawn anew only when what it shows has changed, so that nothing moves under a finger.
"use strict";

const $ = (id) => document.getElementById(id);
let key = sessionStorage.getItem("key") || "";
const drawn = new Map();

function make(tag, more = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(more)) {
    if (name === "click") node.addEventListener("click", value);
    else if (name === "text") node.textContent = value;
    else if (name === "class") node.className = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function tell(text, done = false) {
  const notice = $("notice");
  notice.textContent = text;
  notice.hidden = !text;
  notice.className = done ? "done" : "";
  if (done) setTimeout(() => { if (notice.textContent === text) notice.hidden = true; }, 4000);
}

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-bot-bottle-key": key },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error([said.what, ...(said.facts || []), said.next].filter(Boolean).join("\n"));
  return said;
}

async function act(path, body, done) {
  try {
    await post(path, body);
    tell(done, true);
  } catch (error) {
    tell(error.message);
  }
}

function age(seconds) {
  for (const [size, letter] of [[86400, "d"], [3600, "h"], [60, "m"]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)}${letter}`;
  }
  return `${Math.max(0, Math.floor(seconds))}s`;
}

function pairs(rows) {
  return make("dl", {}, ...rows.flatMap(([term, text, kind]) => [make("dt", { text: term }), make("dd", { text, class: kind || "" })]));
}

function line(placeholder, button, send) {
  const input = make("input", { placeholder, "aria-label": placeholder });
  const row = make("form", { class: "keys" }, input, make("button", { text: button }));
  row.addEventListener("submit", (event) => { event.preventDefault(); send(input.value); });
  return row;
}

function askCard(ask) {
  const approve = (more) => act("/approve", { id: ask.id, ...more }, `Approved: ${ask.title}`);
  const rows = [["wants to", ask.title]];
  if (ask.reason) rows.push(["because", ask.reason]);
  for (const [label, level, text] of ask.risks) rows.push(["risk", `${level}: ${label}. ${text}`, level]);
  for (const each of ask.evidence) rows.push(["refused", each, "faint"]);
  if (ask.blocked) rows.push(["closed", ask.blocked, "bad"]);
  if (ask.raised > 1) rows.push(["asked", `${ask.raised} times`, "warn"]);
  const isPush = ask.kind === "push";
  const keys = isPush
    ? [make("button", { text: "Push it upstream", class: "yes", click: () => approve({}) })]
    : ask.choices.length
    ? ask.choices.map((answer) => make("button", { text: answer, class: "yes", click: () => approve({ answer }) }))
    : [["While it runs", { scope: "session" }], ["Once", { scope: "once" }], ["30 minutes", { scope: "for", seconds: 1800 }]].map(
        ([text, more]) => make("button", { text, class: "yes", click: () => approve(more) }),
      );
  return make("article", { class: "ask", "data-ask": ask.id },
    make("h3", { text: ask.slug }), pairs(rows), make("div", { class: "keys" }, ...keys),
    line("why not; the agent reads it", "Deny", (reason) => act("/deny", { id: ask.id, reason }, `Denied: ${ask.title}`)),
    isPush ? diffOf(ask) : ask.choices.length
      ? line("your own answer", "Answer", (answer) => approve({ answer }))
      : line("give less: methods=GET paths=/v1/**", "Give less", (narrow) => approve({ scope: "session", narrow })),
    make("p", { class: "faint", text: ask.id }));
}

function diffOf(ask) {
  const text = make("pre", { text: "…" });
  const box = make("details", {}, make("summary", { text: "Commits and diff" }), text);
  box.addEventListener("toggle", async () => {
    if (!box.open) return;
    const answer = await fetch(`/push?id=${encodeURIComponent(ask.id)}`, { headers: { "x-bot-bottle-key": key } });
    const said = await answer.json();
    const kinds = { "+": "good", "-": "bad", "@": "warn" };
    text.replaceChildren(...(said.lines || [said.what]).map((each) => make("span", { text: `${each}\n`, class: kinds[each[0]] || "" })));
  });
  return box;
}

function cost(view) {
  const used = `$${view.cost.usd.toFixed(2)}`;
  return view.cost.usd_limit === null ? used : `${used} of $${view.cost.usd_limit}`;
}

function bottleCard(view, grants, now) {
  const runs = view.state === "running" || view.state === "starting";
  const state = view.state + (view.exit_code === null ? "" : ` (${view.exit_code})`) + (view.has_unlanded_work ? ", holds work that is not landed" : "");
  const rows = [["state", state, runs ? "good" : view.state === "ended" ? "faint" : "bad"], ["agent", `${view.agent} on ${view.backend}`], ["folder", view.workspace]];
  if (view.why) rows.push(["why", view.why, "warn"]);
  if (runs) rows.push(["traffic", view.answers ? `${view.traffic.allowed} ok, ${view.traffic.denied} denied` : "no answer"], ["model", cost(view)]);
  const card = make("article", { "data-bottle": view.slug }, make("h3", { text: view.slug }), pairs(rows));
  for (const grant of grants) {
    card.append(make("div", { class: "keys" }, make("span", { text: `may ${grant.title}, used ${grant.used} times` }),
      make("button", { text: "Revoke", class: "no", click: () => act("/revoke", { slug: view.slug, name: grant.name }, "Revoked.") })));
  }
  if (runs) {
    const list = make("ul", {}, ...view.latest.slice(-20).reverse().map((one) =>
      make("li", {}, make("span", { text: one.verdict, class: one.verdict === "allow" ? "allow" : "deny" }),
        ` ${one.method} ${one.host}${one.path} `, make("span", { class: "faint", text: one.verdict === "allow" ? one.rule : one.why }))));
    card.append(make("details", {}, make("summary", { text: "Traffic" }), list));
  }
  const output = make("pre", { text: "…" });
  const log = make("details", {}, make("summary", { text: "Output" }), output);
  log.addEventListener("toggle", () => { if (log.open) showLog(view.slug, output); });
  const keys = make("div", { class: "keys" });
  if (runs) keys.append(make("button", { text: "End", class: "no", click: () => { if (confirm(`End ${view.slug}?`)) act("/stop", { slug: view.slug }, `${view.slug} has ended.`); } }));
  card.append(log, keys);
  return card;
}

async function showLog(slug, output) {
  const answer = await fetch(`/log?slug=${encodeURIComponent(slug)}`, { headers: { "x-bot-bottle-key": key } });
  output.textContent = answer.ok ? (await answer.json()).lines.join("\n") || "It printed nothing on a terminal." : "It cannot be read.";
}

function place(box, cards, empty) {
  const wanted = new Set(cards.map(([name]) => name));
  for (const node of [...box.children]) {
    if (!wanted.has(node.dataset.name)) { drawn.delete(node.dataset.name); node.remove(); }
  }
  cards.forEach(([name, content, build], at) => {
    const text = JSON.stringify(content);
    let node = [...box.children].find((each) => each.dataset.name === name);
    if (!node || drawn.get(name) !== text) {
      const open = node ? [...node.querySelectorAll("details")].map((each) => each.open) : [];
      const fresh = build();
      fresh.dataset.name = name;
      [...fresh.querySelectorAll("details")].forEach((each, which) => { each.open = Boolean(open[which]); });
      if (node) node.replaceWith(fresh); else box.append(fresh);
      node = fresh;
      drawn.set(name, text);
    }
    if (box.children[at] !== node) box.insertBefore(node, box.children[at]);
  });
  if (!cards.length) box.append(make("p", { class: "faint", text: empty }));
}

function draw(snapshot) {
  const pending = snapshot.inbox.asks.filter((ask) => ask.state === "pending");
  const running = snapshot.bottles.filter((view) => view.state === "running" || view.state === "starting").length;
  $("summary").textContent = `${running} running · ${pending.length ? `${pending.length} waiting for you` : "nobody asks"}`;
  document.title = pending.length ? `(${pending.length}) bot-bottle` : "bot-bottle";
  place($("asks"), pending.map((ask) => [`ask ${ask.id}`, ask, () => askCard(ask)]), "No agent asks you for anything.");
  place($("bottles"), snapshot.bottles.map((view) => {
    const grants = snapshot.inbox.grants.filter((grant) => grant.slug === view.slug && !grant.ended);
    return [`bottle ${view.slug}`, [view, grants], () => bottleCard(view, grants, snapshot.taken)];
  }), "There is no bottle.");
}

async function listen() {
  const answer = await fetch("/events", { headers: { "x-bot-bottle-key": key } });
  if (answer.status === 401) throw Object.assign(new Error((await answer.json()).what), { final: true });
  if (!answer.ok) throw new Error("The page is not served.");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The connection ended.");
    const events = (held + value).split("\n\n");
    held = events.pop();
    for (const event of events) if (event.startsWith("data: ")) draw(JSON.parse(event.slice(6)));
  }
}

async function begin() {
  const token = location.hash.slice(1);
  if (token) {
    history.replaceState(null, "", "/");
    try {
      key = (await post("/login", { token })).key;
      sessionStorage.setItem("key", key);
    } catch (error) {
      if (!key) { tell(error.message); return; }
    }
  }
  for (;;) {
    try {
      await listen();
    } catch (error) {
      $("summary").textContent = "not connected";
      if (error.final) { tell(error.message); return; }
    }
    await new Promise((later) => setTimeout(later, 1000));
  }
}

begin();
