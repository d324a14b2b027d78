// Elements, as short as they can be written.

export const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
};

export const find = (id) => document.getElementById(id);

// Changes nothing that says the same already: a screen reader would say it again.
export const say = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

export const formatTime = (at) => new Date(at).toLocaleTimeString("en-GB");

// The tone of a release: v1 is always blue, as in the lab's report; other ids by turns.
const tones = new Map();
export const toneOf = (release) => {
  const number = /^v(\d+)$/.exec(release ?? "")?.[1];
  if (number) return (Number(number) + 3) % 4;
  if (!tones.has(release)) tones.set(release, tones.size % 4);
  return tones.get(release);
};

// What stands on a square for a release: its id, or the end of a long one.
export const shorten = (release) => (!release ? "–" : release.length <= 4 ? release : release.slice(0, 3));
