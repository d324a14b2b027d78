// Runs in the page, once it has loaded: returns what a person would see to be wrong, and the fonts in use.
async () => {
  const wrong = [];

  const images = [...document.images];
  for (const image of images) image.loading = "eager";
  await Promise.all(
    images.map(async (image) => {
      await image.decode().catch(() => {});
      if (!image.naturalWidth) wrong.push(`image is not shown: ${image.currentSrc || image.src}`);
    }),
  );

  for (const use of document.querySelectorAll("svg use")) {
    if (!use.getBBox().width) wrong.push(`icon is not drawn: ${use.href.baseVal}`);
  }

  await document.fonts.ready;
  const fonts = [...document.fonts];
  for (const font of fonts) {
    if (font.status === "error") wrong.push(`font is not usable: ${font.family}`);
  }

  for (const link of document.querySelectorAll('link[rel="stylesheet"]')) {
    if (!link.sheet) wrong.push(`stylesheet is not applied: ${link.href}`);
  }
  const notice = document.querySelector("#no-stylesheet");
  if (notice && getComputedStyle(notice).display !== "none") wrong.push(notice.textContent);

  const guard = getComputedStyle(document.body, "::before");
  if (guard.content !== "none") wrong.push(`guard says: ${guard.content}`);

  return { wrong, fonts: fonts.filter(({ status }) => status === "loaded").map(({ family }) => family) };
}
