"use strict";

// The browser of samples: filters, a list, and one sample with its lineage.
const FILTERS = ["set", "type", "language", "source", "split", "generator"];
const AT_ONCE = 50;
const plain = (text) => text.normalize("NFKC").toLowerCase();

function browse(samples) {
  const chosen = {};
  let found = [];
  let shown = 0;
  let current = null;
  let lineageOpen = false;
  for (const sample of samples) {
    sample.searched = plain([sample.id, sample.prompt, sample.answer, ...sample.lineage.keys].join("\n"));
  }

  const search = make("input", { type: "search", id: "search", placeholder: "Words, an id or a key", oninput: () => filter() });
  byId("filters").append(
    make("label", { class: "wide" }, "Search", search),
    make("button", { type: "reset" }, "Clear"),
    ...FILTERS.map((name) => {
      const counts = new Map();
      for (const sample of samples) counts.set(sample[name], (counts.get(sample[name]) || 0) + 1);
      const options = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([value, count]) =>
        make("option", { value }, `${value} (${count.toLocaleString("en")})`));
      chosen[name] = make("select", { name, onchange: () => filter() }, make("option", { value: "" }, "all"), ...options);
      return make("label", {}, name[0].toUpperCase() + name.slice(1), chosen[name]);
    }));
  byId("filters").addEventListener("reset", () => setTimeout(filter));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", () => {
    const first = shown;
    extend();
    byId("list").children[first].firstChild.focus();
  });

  function filter() {
    const words = plain(search.value).split(/\s+/).filter(Boolean);
    found = samples.filter((sample) =>
      FILTERS.every((name) => !chosen[name].value || sample[name] === chosen[name].value)
      && words.every((word) => sample.searched.includes(word)));
    byId("count").textContent = found.length
      ? `${found.length.toLocaleString("en")} of ${samples.length.toLocaleString("en")} samples`
      : "No sample on this page has all of these. Clear a filter.";
    byId("list").replaceChildren();
    shown = 0;
    extend();
    if (found.length && !found.includes(current)) show(found[0]);
  }

  function extend() {
    const items = found.slice(shown, shown + AT_ONCE).map((sample) =>
      make("li", {},
        make("button", { type: "button", "data-id": sample.id, "aria-current": sample === current ? "true" : null, onclick: () => open(sample) },
          make("span", { class: "line", lang: sample.language }, sample.line),
          make("span", { class: "of" }, `${sample.set} · ${sample.language} · ${sample.split}`))));
    byId("list").append(...items);
    shown += items.length;
    byId("more").hidden = shown >= found.length;
  }

  function open(sample) {
    show(sample);
    history.replaceState(null, "", `#sample-${sample.id}`);
    byId("sample").classList.add("open");
    byId("sample").focus({ preventScroll: true });
    byId("sample").scrollTop = 0;
  }

  function close() {
    byId("sample").classList.remove("open");
    byId("list").querySelector("[aria-current]")?.focus();
  }

  function show(sample) {
    byId("list").querySelector("[aria-current]")?.removeAttribute("aria-current");
    byId("list").querySelector(`[data-id="${sample.id}"]`)?.setAttribute("aria-current", "true");
    current = sample;
    byId("sample").replaceChildren(
      make("button", { type: "button", class: "back", onclick: close }, "← Back to the list"),
      make("h3", {}, sample.set),
      make("p", { class: "badges" }, ...["type", "language", "split"].map((name) => make("span", {}, sample[name]))),
      make("p", { class: "id" }, make("code", {}, sample.id)),
      make("h4", {}, "Prompt"),
      make("pre", { lang: sample.language }, sample.prompt),
      make("h4", {}, "Answer"),
      make("pre", { class: "answer", lang: sample.language }, sample.answer),
      ...options(sample),
      lineage(sample));
  }

  function options(sample) {
    if (!sample.options.length) return [];
    return [make("h4", {}, "Options"), make("ul", { class: "options" }, ...sample.options.map(option))];
  }

  function option(one) {
    const right = one.right === true || one.weight >= 1;
    const verdict = "weight" in one ? `weight ${one.weight}` : right ? "right" : "wrong";
    return make("li", { class: right ? "right" : "wrong" },
      make("span", { class: "number" }, `${one.number}`),
      make("span", {}, one.text,
        make("small", {}, make("b", {}, verdict), one.why ? `: ${one.why}` : "")));
  }

  function lineage(sample) {
    const facts = [...Object.entries(sample.lineage), ["system prompt", sample.system], ["truth", sample.truth]];
    const told = facts.filter(([, value]) => value !== null && value.length).map(([name, value]) =>
      make("div", {}, make("dt", {}, name), ...[value].flat().map((one) => make("dd", {}, one))));
    const details = make("details", { class: "lineage", open: lineageOpen, ontoggle: () => { lineageOpen = details.open; } },
      make("summary", {}, "Lineage"),
      make("dl", {}, ...told),
      make("p", {}, "Its source rows themselves: ", make("code", {}, `python -m builders.explain ${sample.id.slice(0, 12)} --source …`)));
    return details;
  }

  // Arrow keys walk the list, Escape closes a sample that covers it, / goes to the search.
  byId("list").addEventListener("keydown", (event) => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const item = step && event.target.closest("li")?.[step];
    if (!item) return;
    event.preventDefault();
    item.firstChild.focus();
    show(samples.find((sample) => sample.id === item.firstChild.dataset.id));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && byId("sample").classList.contains("open")) close();
    if (event.key === "/" && !event.target.closest("input, select")) {
      event.preventDefault();
      search.focus();
    }
  });

  function follow() {
    const sample = samples.find((one) => location.hash === `#sample-${one.id}`);
    if (!sample) return;
    byId("samples").scrollIntoView();
    open(sample);
  }
  filter();
  follow();
  addEventListener("hashchange", follow);
}
