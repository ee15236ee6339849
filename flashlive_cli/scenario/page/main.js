
// Which of the views is seen: the part after `#` names a run, and with `@from-until` a stretch of it.

(() => {
  const report = JSON.parse(document.getElementById("report").textContent);
  const main = document.getElementById("main");
  const repeated = new Set(report.repeated.map((each) => `${each.path}\n${each.id}`));
  for (const run of report.runs) {
    for (const shown of run.shown) shown.url = report.pictures[shown.picture] ?? null;
    run.user = decoded(run.user);
    run.voice = decoded(run.voice);
    run.repeated = repeated.has(`${run.path}\n${run.id}`);
    run.words = [run.name, run.path, run.status, ...Object.values(run.variant), ...run.said.map((said) => said.text),
      ...run.answers.flatMap((answer) => [answer.heard, answer.unheard]), ...run.tools.map((tool) => tool.name), ...reasons(run).map(({ text }) => text),
    ].join("\n").toLowerCase();
  }
  const table = new Table(report);
  const alone = report.runs.length === 1;
  let chart = null;
  let index = -1;

  function show() {
    const [anchor, from, until] = decodeURIComponent(location.hash.slice(1)).split(/@|(?<=@[\d.]+)-/);
    chart?.close();
    chart = null;
    index = alone ? 0 : report.runs.findIndex((run) => run.anchor === anchor);
    if (index < 0) {
      main.replaceChildren(...table.view().flat().filter(Boolean));
      return;
    }
    const run = report.runs[index];
    chart = new Chart(run);
    main.replaceChildren(...runView(run, chart, alone ? null : around()).filter(Boolean));
    if (until) chart.look(Number(from), Number(until));
    scrollTo(0, 0);
    if (!alone) main.focus({ preventScroll: true });
  }

  function around() {
    const to = (step) => report.runs[index + step]?.anchor;
    const link = (text, title, anchor) => anchor === undefined
      ? make("button.flat", { type: "button", disabled: true }, text) : make("a.flat", { href: `#${anchor}`, title }, text);
    return make("nav.above", { "aria-label": "Scenarios" }, link("‹ All scenarios", "All scenarios (Esc)", ""), make("span.space"),
      make("span.soft.small.number", null, `${index + 1} of ${report.runs.length}`), link("Previous", "Previous (k)", to(-1)), link("Next", "Next (j)", to(1)));
  }

  function go(step) {
    const run = report.runs[index + step];
    if (run) location.hash = `#${run.anchor}`;
  }

  addEventListener("hashchange", show);
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
    if (chart?.key(event)) event.preventDefault();
    else if (chart && !alone && event.key === "Escape") location.hash = "#";
    else if (chart && event.key === "j") go(1);
    else if (chart && event.key === "k") go(-1);
  });
  show();
})();
