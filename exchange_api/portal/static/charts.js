// Draws every chart of the page from the table that stands behind it; without this script the tables are there all the same.
(() => {
  const COLOURS = ["#0958d9", "#d46b08", "#c41d7f", "#389e0d", "#722ed1", "#08979c", "#7c4a03", "#595959"];
  const read = (figure) => {
    const heads = [...figure.querySelectorAll("thead th")].slice(1).map((one) => one.textContent);
    const rows = [...figure.querySelectorAll("tbody tr")].map((row) => ({
      label: row.querySelector("th").textContent,
      values: [...row.querySelectorAll("td")].map((one) => (one.textContent === "—" ? null : parseFloat(one.textContent))),
    }));
    return { heads, rows };
  };
  const around = (unit) => ({
    color: COLOURS,
    animation: false,
    textStyle: { fontFamily: "inherit", fontSize: 13 },
    tooltip: { renderMode: "richText", valueFormatter: (value) => (value === null || value === undefined ? "—" : value + unit) },
  });
  const pie = ({ heads, rows }, unit) => ({
    ...around(unit),
    legend: { bottom: 0, type: "scroll" },
    series: [{
      type: "pie", name: heads[0], radius: ["38%", "66%"], center: ["50%", "44%"], label: { formatter: "{b} {d}%" },
      data: rows.map((row) => ({ name: row.label, value: row.values[0] })),
    }],
  });
  const figures = (unit, rows) => ({
    type: "value", axisLabel: { formatter: "{value}" + unit },
    minInterval: rows.every((row) => row.values.every((one) => one === null || Number.isInteger(one))) ? 1 : 0, // no half batches
  });
  const names = (rows) => ({ type: "category", data: rows.map((row) => row.label), axisLabel: { hideOverlap: true } });
  const lies = (rows, kind) => kind === "bar" && rows.some((row) => row.label.length > 8); // long names stand beside their bars
  const lines = ({ heads, rows }, unit, kind) => ({
    ...around(unit),
    tooltip: { ...around(unit).tooltip, trigger: "axis" },
    legend: heads.length > 1 ? { bottom: 0, type: "scroll" } : undefined,
    grid: { left: 8, right: 16, top: 24, bottom: heads.length > 1 ? 40 : 8, containLabel: true },
    xAxis: lies(rows, kind) ? figures(unit, rows) : names(rows),
    yAxis: lies(rows, kind) ? { ...names(rows), inverse: true } : figures(unit, rows),
    series: heads.map((name, place) => ({
      name, type: kind === "line" ? "line" : "bar", stack: kind === "stack" ? "all" : undefined, barMaxWidth: 36,
      symbolSize: 6, data: rows.map((row) => row.values[place]),
    })),
  });
  const drawn = [];
  for (const figure of document.querySelectorAll("figure.chart")) {
    const plot = figure.querySelector(".plot");
    if (!plot) continue;
    plot.classList.add("drawn");
    const { kind, unit } = figure.dataset;
    const one = echarts.init(plot);
    one.setOption(kind === "pie" ? pie(read(figure), unit) : lines(read(figure), unit, kind));
    drawn.push(one);
  }
  addEventListener("resize", () => drawn.forEach((one) => one.resize()));
  addEventListener("beforeprint", () => drawn.forEach((one) => one.resize({ width: 640 })));
  addEventListener("afterprint", () => drawn.forEach((one) => one.resize({ width: "auto" })));
})();
