package io.flowloop.agentloop.track;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.track.EventFileReader.Field;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorBoardTrackerTest {

  private static final InstantSource CLOCK =
      InstantSource.fixed(Instant.ofEpochMilli(1_700_000_000_500L));

  @TempDir Path temp;

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(temp)) {
      return files.sorted().toList();
    }
  }

  private static Field field(List<Field> message, int number) {
    return message.stream().filter(field -> field.number() == number).findFirst().orElseThrow();
  }

  /** The only value of an event's summary. */
  private static List<Field> value(List<Field> event) {
    return field(field(event, 5).fields(), 1).fields();
  }

  @Test
  void run_scalars_areEventsOfTheirStep() throws IOException {
    TensorBoardTracker tracker = new TensorBoardTracker(CLOCK);
    tracker.onStart(TrainingRuns.run(temp, 0));
    tracker.onStep(TrainingRuns.step(300, 0.5));

    List<List<Field>> events = EventFileReader.read(files().getFirst());

    assertThat(events).as("before it is closed").hasSize(3);
    assertThat(field(events.getFirst(), 3).text()).isEqualTo("brain.Event:2");
    List<Field> step = events.getLast();
    assertThat(Double.longBitsToDouble(field(step, 1).bits())).isEqualTo(1_700_000_000.5);
    assertThat(field(step, 2).bits()).isEqualTo(300);
    List<Field> values = field(step, 5).fields();
    assertThat(values).hasSize(2);
    assertThat(field(values.getFirst().fields(), 1).text()).isEqualTo("reward/mean");
    assertThat(Float.intBitsToFloat((int) field(values.getFirst().fields(), 2).bits()))
        .isEqualTo(0.5f);
    tracker.close();
  }

  @Test
  void onValidation_images_arePngsWithTheirSizes() throws IOException {
    try (TensorBoardTracker tracker = new TensorBoardTracker(CLOCK)) {
      tracker.onStart(TrainingRuns.run(temp, 0));
      tracker.onValidation(TrainingRuns.validation(0, 0.5, true, 6));
    }

    List<List<Field>> images =
        EventFileReader.read(files().getFirst()).stream()
            .filter(event -> event.stream().anyMatch(field -> field.number() == 5))
            .skip(1)
            .map(TensorBoardTrackerTest::value)
            .toList();

    assertThat(images)
        .extracting(value -> field(value, 1).text())
        .containsExactly(
            "val/contact_sheet", "val/image_0", "val/image_1", "val/image_2", "val/image_3");
    for (List<Field> value : images) {
      List<Field> image = field(value, 4).fields();
      BufferedImage png = ImageIO.read(new ByteArrayInputStream(field(image, 4).bytes()));
      assertThat(field(image, 1).bits()).isEqualTo(png.getHeight());
      assertThat(field(image, 2).bits()).isEqualTo(png.getWidth());
      assertThat(field(image, 3).bits()).isEqualTo(3);
    }
  }

  @Test
  void onStart_goesOn_voidsLaterStepsInANewerFile() throws IOException {
    try (TensorBoardTracker first = new TensorBoardTracker(CLOCK)) {
      first.onStart(TrainingRuns.run(temp, 0));
    }
    try (TensorBoardTracker second = new TensorBoardTracker(CLOCK)) {
      second.onStart(TrainingRuns.run(temp, 7));
    }

    assertThat(files()).hasSize(2);
    assertThat(files().getFirst().getFileName().toString())
        .startsWith("events.out.tfevents.1700000000.")
        .endsWith(".flowloop");
    assertThat(start(files().getFirst())).as("a new run").isZero();
    assertThat(start(files().getLast())).isEqualTo(8);
  }

  /** The step from which older files are void. */
  private static long start(Path file) throws IOException {
    List<Field> event = EventFileReader.read(file).get(1);
    assertThat(field(field(event, 7).fields(), 1).bits()).as("START").isEqualTo(1);
    return field(event, 2).bits();
  }
}
