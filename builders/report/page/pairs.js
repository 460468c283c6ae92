"use strict";

// Pairs of texts side by side, a few at a time; words that the other text lacks are marked.
const PAIRS_AT_ONCE = 5;

// Japanese has no blanks between words: there each letter stands for itself.
const PIECES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]+|\s+/gu;
const WORD = /[^\p{L}\p{N}]/gu;
const bare = (piece) => piece.normalize("NFKC").toLowerCase().replace(WORD, "");

function marked(text, other) {
  const known = new Set((other.match(PIECES) || []).map(bare));
  const parts = [];
  for (const piece of text.match(PIECES) || []) {
    const word = bare(piece);
    parts.push(word && !known.has(word) ? make("mark", {}, piece) : piece);
  }
  return parts;
}

function pairCard(pair) {
  const texts = pair.sides.map((side) => side.text);
  const both = texts.every((text) => text !== null);
  const sides = pair.sides.map((side, place) =>
    make("div", { class: "side" },
      make("p", { class: "of" }, make("b", {}, side.name), " ", make("code", { title: side.id }, side.id.slice(0, 13))),
      side.text === null
        ? make("p", { class: "none" }, "The text is not at hand.")
        : make("pre", {}, ...(both ? marked(side.text, texts[1 - place]) : [side.text]))));
  return make("article", { class: "card pair" },
    make("p", { class: "badges" }, ...pair.badges.map((badge) => make("span", {}, badge))),
    ...(pair.shared === null ? [] : [make("p", { class: "of" }, "both have: ", make("q", {}, pair.shared))]),
    make("div", { class: "sides" }, ...sides));
}

function showPairs(place, pairs) {
  if (!pairs.length) return;
  const more = make("button", { type: "button", onclick: () => next() });
  let shown = 0;
  function next() {
    const cards = pairs.slice(shown, shown + PAIRS_AT_ONCE).map(pairCard);
    more.before(...cards);
    shown += cards.length;
    more.hidden = shown >= pairs.length;
    more.textContent = `Show more (${(pairs.length - shown).toLocaleString("en")} left)`;
  }
  place.append(more);
  next();
}
