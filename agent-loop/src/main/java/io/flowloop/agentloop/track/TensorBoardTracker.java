package io.flowloop.agentloop.track;

import io.flowloop.agentloop.Tracker;
import java.io.IOException;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;

/**
 * Writes event files for TensorBoard: all values as scalars, and each validation's contact sheet
 * and a few of its images. A run that goes on has a file of its own, which voids what older ones
 * hold of later steps.
 */
public final class TensorBoardTracker implements Tracker {

  private static final int SHEET_IMAGES = 64;
  private static final int SINGLE_IMAGES = 4;

  private final InstantSource clock;
  private Optional<EventFile> file = Optional.empty();

  /** A tracker of one run. */
  public TensorBoardTracker() {
    this(InstantSource.system());
  }

  TensorBoardTracker(InstantSource clock) {
    this.clock = clock;
  }

  @Override
  public String name() {
    return "tensorboard";
  }

  @Override
  public void onStart(Run run) throws IOException {
    EventFile events = EventFile.create(run.dir(), clock);
    file = Optional.of(events);
    // Step 0 is the validation of a run that begins; one that goes on keeps its last step.
    events.start(run.step() == 0 ? 0 : run.step() + 1);
    events.flush();
  }

  @Override
  public void onStep(Metrics metrics) throws IOException {
    EventFile events = file.orElseThrow();
    events.scalars(metrics.step(), metrics.values());
    events.flush();
  }

  @Override
  public void onValidation(Validation validation) throws IOException {
    EventFile events = file.orElseThrow();
    int step = validation.step();
    events.scalars(step, validation.values());
    if (!validation.images().isEmpty()) {
      events.image(
          step,
          "val/contact_sheet",
          ValidationSheet.draw(validation, ContactSheet.COLUMNS, SHEET_IMAGES));
    }
    List<ScoredImage> few = ValidationSheet.spread(validation.images(), SINGLE_IMAGES);
    for (int i = 0; i < few.size(); i++) {
      events.image(step, "val/image_" + i, ContactSheet.pixels(few.get(i).image()));
    }
    events.flush();
  }

  @Override
  public void close() throws IOException {
    if (file.isPresent()) {
      file.get().close();
    }
  }
}
