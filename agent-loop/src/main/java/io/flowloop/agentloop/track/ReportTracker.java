package io.flowloop.agentloop.track;

import io.flowloop.agentloop.Tracker;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;

/**
 * Writes {@code report.html}: curves, pictures and settings of a run in one page that needs nothing
 * else. A run that goes on finds its past in {@code metrics.jsonl} and the page's pictures.
 */
public final class ReportTracker implements Tracker {

  static final String NAME = "report.html";

  /** How old the page may be when a step ends. */
  static final Duration OLDEST = Duration.ofSeconds(20);

  private final InstantSource clock;
  private Optional<Report> report = Optional.empty();
  private Instant written = Instant.MIN;

  /** What the page is made of. */
  private record Report(Run run, RunHistory history, ReportSheets sheets) {}

  /** A tracker of one run. */
  public ReportTracker() {
    this(InstantSource.system());
  }

  ReportTracker(InstantSource clock) {
    this.clock = clock;
  }

  @Override
  public String name() {
    return "report";
  }

  @Override
  public void onStart(Run run) throws IOException {
    RunHistory history =
        run.step() == 0 ? new RunHistory() : RunHistory.of(MetricsFile.read(run.dir(), run.step()));
    report = Optional.of(new Report(run, history, ReportSheets.open(run.dir(), run.step())));
    write(ReportPage.State.RUNNING);
  }

  @Override
  public void onStep(Metrics metrics) throws IOException {
    report.orElseThrow().history().addStep(metrics);
    if (!clock.instant().isBefore(written.plus(OLDEST))) {
      write(ReportPage.State.RUNNING);
    }
  }

  @Override
  public void onValidation(Validation validation) throws IOException {
    Report now = report.orElseThrow();
    now.history()
        .addValidation(new Metrics(validation.step(), validation.values()), validation.best());
    now.sheets().add(validation);
    write(ReportPage.State.RUNNING);
  }

  @Override
  public void close() throws IOException {
    if (report.isPresent()) {
      write(ReportPage.State.ENDED);
    }
  }

  private void write(ReportPage.State state) throws IOException {
    Report now = report.orElseThrow();
    written = clock.instant();
    byte[] page =
        new ReportPage(now.run(), now.history(), now.sheets(), state, written)
            .html()
            .getBytes(StandardCharsets.UTF_8);
    new OutputFolder(now.run().dir()).write(NAME, out -> out.write(page));
  }
}
