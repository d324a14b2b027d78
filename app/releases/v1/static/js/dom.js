/** Short names for what every module does to the document. */

export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Call the listener when the event reaches an element that the selector matches. */
export function on(type, selector, listener) {
  document.addEventListener(type, (event) => {
    const target = event.target.closest?.(selector);
    if (target) listener(target, event);
  });
}

/** Tell something to those who listen to the page. */
export function announce(text) {
  const place = one("[data-announcer]");
  if (place) place.textContent = text;
}
