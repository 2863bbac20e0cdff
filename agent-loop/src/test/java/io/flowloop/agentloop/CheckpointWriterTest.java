package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointWriterTest {

  @TempDir Path run;

  private final List<String> warnings = new ArrayList<>();
  private final List<Integer> written = Collections.synchronizedList(new ArrayList<>());

  private CheckpointWriter writer() {
    return new CheckpointWriter(Checkpoints.open(run, 2), written::add, warnings::add);
  }

  private Path folder() {
    return run.resolve("checkpoints");
  }

  /** Whatever is written there fails until {@link #repair}. */
  private void breakFolder() throws IOException {
    Files.move(folder(), run.resolve("aside"));
    Files.writeString(folder(), "in the way");
  }

  private void repair() throws IOException {
    Files.delete(folder());
    Files.move(run.resolve("aside"), folder());
  }

  @Test
  void close_afterSeveral_hasWrittenThemInOrder() {
    CheckpointWriter writer = writer();
    for (int step = 1; step <= 5; step++) {
      writer.write(TinyCheckpoints.at(step));
    }
    writer.writeBest(TinyCheckpoints.at(3));
    writer.close();

    assertThat(folder().toFile().list()).containsExactlyInAnyOrder("step-000004", "step-000005");
    TinyCheckpoints.assertSame(
        Checkpoints.load(folder().resolve("step-000005")), TinyCheckpoints.at(5));
    TinyCheckpoints.assertSame(Checkpoints.load(run.resolve("best")), TinyCheckpoints.at(3));
    assertThat(warnings).isEmpty();
  }

  @Test
  void write_afterOneThatFailed_warnsAndWrites() throws IOException {
    CheckpointWriter writer = writer();
    writer.write(TinyCheckpoints.at(1));
    writer.writeBest(TinyCheckpoints.at(1));
    writer.write(TinyCheckpoints.at(1));
    writer.writeBest(TinyCheckpoints.at(1)); // the one before is done
    breakFolder();
    writer.write(TinyCheckpoints.at(2));
    writer.writeBest(TinyCheckpoints.at(2)); // likewise

    assertThat(warnings)
        .singleElement()
        .asString()
        .contains("the checkpoint of step 2 cannot be written", "; training goes on");

    repair();
    writer.write(TinyCheckpoints.at(3));
    writer.close();

    assertThat(folder().toFile().list()).containsExactlyInAnyOrder("step-000001", "step-000003");
    assertThat(warnings).hasSize(1);
    assertThat(written).containsExactly(1, 1, 3);
  }

  @Test
  void close_lastOneFailed_throws() throws IOException {
    CheckpointWriter writer = writer();
    breakFolder();
    writer.write(TinyCheckpoints.at(1));

    assertThatThrownBy(writer::close)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("the checkpoint of step 1 cannot be written");
    assertThat(warnings).isEmpty();
  }

  @Test
  void close_nothingWritten_ends() {
    CheckpointWriter writer = writer();
    writer.close();

    assertThat(folder()).isEmptyDirectory();
  }
}
