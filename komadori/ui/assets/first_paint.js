// Runs before anything else on the page: the language and the shade must be known before the first paint.
// Gradio's page takes its language from navigator.language, once, and knows Chinese only as zh-CN.
(() => {
  const kept = (name) => (document.cookie.match(new RegExp(`(?:^|; )${name}=([^;]*)`)) || [])[1];
  const spoken = (tags) => tags.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag === "en" || tag === "zh");
  const chosen = kept("komadori_language");
  const language = chosen === "zh" || chosen === "en" ? chosen : spoken([...(navigator.languages || []), navigator.language || ""]) || "en";
  document.cookie = `komadori_language=${language}; path=/; max-age=31536000; samesite=lax`;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  Object.defineProperty(navigator, "language", { configurable: true, get: () => document.documentElement.lang });
  let shade = null;
  try {
    shade = localStorage.getItem("komadori_shade");
  } catch {
    // Storage is closed to us: the system's shade is as good.
  }
  const isDark = shade ? shade === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.style.background = isDark ? "#161513" : "#FAF8F4";
  document.documentElement.style.colorScheme = isDark ? "dark" : "light";
})();
