package io.flowloop.agentloop.track;

import io.flowloop.agentloop.Tracker.Metrics;
import io.flowloop.agentloop.Tracker.Run;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SequencedSet;
import java.util.stream.Collectors;

/**
 * The page that shows a run: one HTML document without scripts and without references.
 *
 * @param history what was measured
 * @param sheets pictures of the validations
 * @param now when the page is written
 */
record ReportPage(Run run, RunHistory history, ReportSheets sheets, State state, Instant now) {

  /** Whether the run goes on. */
  enum State {
    RUNNING,
    ENDED
  }

  private static final String STYLE = style();

  /** Steps over which the time of one is averaged. */
  private static final int TIMED_STEPS = 20;

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss 'UTC'").withZone(ZoneOffset.UTC);

  private static String style() {
    try (InputStream in =
        Objects.requireNonNull(ReportPage.class.getResourceAsStream("report.css"))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The document. */
  String html() throws IOException {
    return """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>%s</title>
        <style>
        %s</style>
        </head>
        <body>
        <header>
        <h1>%s</h1>
        <p>%s</p>
        </header>
        """
            .formatted(title(), STYLE, title(), stateLine())
        + tiles()
        + charts()
        + pictures()
        + validations()
        + details("Numbers of the last step", lastStep())
        + details("Configuration", "<pre>" + Html.escape(run.settings()) + "</pre>")
        + details("Environment", facts(run.environment()))
        + "</body>\n</html>\n";
  }

  private String title() {
    Object name = Optional.<Object>ofNullable(run.dir().getFileName()).orElse(run.dir());
    return "flowloop training: " + Html.escape(name.toString());
  }

  private int step() {
    int measured = history.last().map(Metrics::step).orElse(0);
    return Math.max(run.step(), measured);
  }

  private String stateLine() {
    String how =
        switch (state) {
          case RUNNING -> "running";
          case ENDED -> step() >= run.steps() ? "done" : "stopped";
        };
    String best =
        history
            .best()
            .map(step -> ", best validation %s at step %d".formatted(reward(step), step))
            .orElse("");
    return "%s: step %d of %d%s <time>%s</time>"
        .formatted(how, step(), run.steps(), best, TIME.format(now));
  }

  private String reward(int step) {
    return rounded(history.validationReward(step));
  }

  private static String rounded(double value) {
    return Double.isFinite(value) ? "%.3f".formatted(value) : "\u2013";
  }

  // The numbers at the top.

  private String tiles() {
    SequencedMap<String, String> tiles = new LinkedHashMap<>();
    if (!history.validations().isEmpty()) {
      tiles.put("first validation", reward(history.validations().firstKey()));
      history.best().ifPresent(step -> tiles.put("best validation", reward(step)));
      tiles.put("latest validation", reward(history.validations().lastKey()));
    }
    Curve reward = history.curve("reward/mean");
    if (!reward.isEmpty()) {
      tiles.put("training reward", rounded(reward.last()));
    }
    Curve time = history.curve("timing_s/step");
    if (!time.isEmpty()) {
      tiles.put("seconds a step", "%.2f".formatted(time.meanOfLast(TIMED_STEPS)));
    }
    return tiles.entrySet().stream()
        .map(tile -> "<div><b>%s</b>%s</div>\n".formatted(tile.getValue(), tile.getKey()))
        .collect(Collectors.joining("", "<section class=\"tiles\">\n", "</section>\n"));
  }

  private String charts() {
    return RunCharts.of(history).entrySet().stream()
        .filter(chart -> !chart.getValue().legend().isEmpty())
        .map(chart -> chart(chart.getKey(), chart.getValue()))
        .collect(Collectors.joining("", "<section class=\"charts\">\n", "</section>\n"));
  }

  private static String chart(String title, LineChart chart) {
    return "<figure><figcaption>%s%s</figcaption>%s</figure>\n"
        .formatted(title, chart.legend().size() > 1 ? legend(chart) : "", chart.svg());
  }

  private static String legend(LineChart chart) {
    return chart.legend().entrySet().stream()
        .map(entry -> "<i style=\"color:%s\">%s</i>".formatted(entry.getValue(), entry.getKey()))
        .collect(Collectors.joining(" ", "<span>", "</span>"));
  }

  // The pictures.

  private String pictures() throws IOException {
    SequencedMap<Integer, String> shown = shown();
    sheets.keep(shown.keySet());
    StringBuilder figures = new StringBuilder();
    for (Map.Entry<Integer, String> sheet : shown.entrySet()) {
      Optional<String> png = sheets.of(sheet.getKey());
      png.ifPresent(bytes -> figures.append(figure(sheet.getKey(), sheet.getValue(), bytes)));
    }
    return figures.isEmpty()
        ? ""
        : "<h2>Same prompts, same seeds</h2>\n<section class=\"sheets\">\n"
            + figures
            + "</section>\n";
  }

  /** The validations whose pictures are shown, by training step, and what they are. */
  private SequencedMap<Integer, String> shown() {
    SequencedMap<Integer, String> shown = new LinkedHashMap<>();
    if (!history.validations().isEmpty()) {
      shown.merge(history.validations().firstKey(), "first", ReportPage::both);
      history.best().ifPresent(step -> shown.merge(step, "best", ReportPage::both));
      shown.merge(history.validations().lastKey(), "latest", ReportPage::both);
    }
    return shown;
  }

  private static String both(String first, String second) {
    return first + ", " + second;
  }

  private String figure(int step, String what, String png) {
    return """
        <figure><figcaption>%s: step %d, reward %s</figcaption>\
        <img alt="images of step %d with their rewards" src="data:image/png;base64,%s"></figure>
        """
        .formatted(what, step, reward(step), step, png);
  }

  // The tables.

  private String validations() {
    if (history.validations().isEmpty()) {
      return "";
    }
    SequencedSet<String> names =
        history.validations().values().stream()
            .flatMap(values -> values.keySet().stream())
            .collect(Collectors.toCollection(LinkedHashSet::new));
    StringBuilder table =
        new StringBuilder("<h2>Validations</h2>\n<div class=\"scroll\"><table>\n");
    List<String> heads = new ArrayList<>(List.of("step"));
    names.forEach(name -> heads.add(name.replaceFirst("^" + RunHistory.VALIDATION_PREFIX, "")));
    table.append(row("th", "", heads));
    history.validations().forEach((step, values) -> table.append(validation(step, values, names)));
    return table.append("</table></div>\n").toString();
  }

  private String validation(int step, Map<String, Double> values, SequencedSet<String> names) {
    List<String> cells = new ArrayList<>(List.of(Integer.toString(step)));
    names.forEach(name -> cells.add(number(values.getOrDefault(name, Double.NaN))));
    boolean best = history.best().filter(other -> other == step).isPresent();
    return row("td", best ? " class=\"best\"" : "", cells);
  }

  private static String row(String tag, String attributes, List<String> cells) {
    return cells.stream()
        .map(cell -> "<%s>%s</%s>".formatted(tag, Html.escape(cell), tag))
        .collect(Collectors.joining("", "<tr" + attributes + ">", "</tr>\n"));
  }

  private static String number(double value) {
    return Double.isFinite(value) ? LineChart.number(value) : "\u2013";
  }

  private String lastStep() {
    SequencedMap<String, String> numbers = new LinkedHashMap<>();
    history
        .last()
        .ifPresent(
            metrics -> metrics.values().forEach((name, value) -> numbers.put(name, number(value))));
    return facts(numbers);
  }

  private static String facts(Map<String, String> facts) {
    return facts.entrySet().stream()
        .map(fact -> row("td", "", List.of(fact.getKey(), fact.getValue())))
        .collect(Collectors.joining("", "<table class=\"facts\">\n", "</table>"));
  }

  private static String details(String summary, String content) {
    return "<details><summary>%s</summary><div class=\"scroll\">%s</div></details>\n"
        .formatted(summary, content);
  }
}
