// Runs in the page: returns the texts whose contrast with their ground is too small (WCAG 2.2, 1.4.3).
() => {
  const numbers = (color) => color.match(/[\d.]+/g).map(Number);
  const channel = (value) => (value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const over = ([r, g, b, a = 1], ground) => [r, g, b].map((value, i) => a * value + (1 - a) * ground[i]);

  // The colour behind an element; null where it is a picture, which only eyes can judge. Drawn ornaments are faint.
  const ground = (element) => {
    const style = getComputedStyle(element);
    if (!/^(none|url\("[^"]+\.svg"\))$/.test(style.backgroundImage)) return null;
    const own = numbers(style.backgroundColor);
    if ((own[3] ?? 1) === 1) return own;
    if (["absolute", "fixed"].includes(style.position)) return null;
    if (!element.parentElement) return [255, 255, 255];
    const behind = ground(element.parentElement);
    return behind && over(own, behind);
  };

  const faint = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const words = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    if (!words || !element.checkVisibility() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    const behind = ground(element);
    if (!behind) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const [dark, light] = [luminance(over(numbers(style.color), behind)), luminance(behind)].sort((a, b) => a - b);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < (large ? 3 : 4.5)) faint.add(`${contrast.toFixed(2)}: ${words.slice(0, 40)}`);
  }
  return [...faint];
}
