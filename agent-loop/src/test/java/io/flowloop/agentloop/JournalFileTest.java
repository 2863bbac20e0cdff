package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.rollout.RolloutGroup;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalFileTest {

  private static final JournalHeader HEADER = TinyJournals.header(3, 2);
  private static final List<RolloutGroup> GROUPS = TinyJournals.groups(2);
  private static final List<Long> CHECKSUMS = TinyJournals.checksums(GROUPS);

  @TempDir Path temp;

  private Path path = Path.of("");
  private byte[] bytes = {};

  @BeforeEach
  void write() throws IOException {
    path = temp.resolve("step-000003.journal");
    append(GROUPS);
    bytes = Files.readAllBytes(path);
  }

  private void append(List<RolloutGroup> groups) throws IOException {
    try (JournalFile file = JournalFile.open(path, HEADER)) {
      for (RolloutGroup group : groups) {
        file.append(group);
      }
    }
  }

  private List<Long> found(JournalHeader header) throws IOException {
    try (JournalFile file = JournalFile.open(path, header)) {
      return TinyJournals.checksums(file.found());
    }
  }

  /** The groups whose records end before this byte. */
  private List<Long> wholeBefore(int at) {
    long ends = TinyJournals.ends(bytes).stream().filter(end -> end <= at).count();
    return CHECKSUMS.subList(0, (int) Math.max(0, ends - 1));
  }

  @Test
  void open_whole_hasItsGroupsBitForBit() throws IOException {
    try (JournalFile file = JournalFile.open(path, HEADER)) {
      assertThat(file.found()).usingRecursiveComparison().isEqualTo(GROUPS);
      assertThat(file.step()).isEqualTo(3);
    }
    assertThat(path).hasBinaryContent(bytes);
    assertThat(new String(bytes, 0, 45, StandardCharsets.UTF_8))
        .startsWith("flowloop journal 1: step 3, policy 2 ");
  }

  @Test
  void open_tornAtAnyByte_hasTheGroupsThatAreWholeAndGoesOnBehindThem() throws IOException {
    for (int length = 0; length < bytes.length; length++) {
      Files.write(path, Arrays.copyOf(bytes, length));

      List<Long> whole = wholeBefore(length);
      assertThat(found(HEADER)).as("torn at byte %d", length).isEqualTo(whole);
      int end = TinyJournals.ends(bytes).get(whole.size());
      assertThat(Files.size(path)).as("torn at byte %d", length).isEqualTo(end);
    }
    append(GROUPS.subList(1, 2));
    assertThat(path).hasBinaryContent(bytes);
  }

  @Test
  void open_anyByteFlipped_hasTheGroupsBeforeItAndNoOther() throws IOException {
    for (int at = 0; at < bytes.length; at++) {
      byte[] flipped = bytes.clone();
      flipped[at] ^= (byte) (1 << at % Byte.SIZE);
      Files.write(path, flipped);

      assertThat(found(HEADER)).as("byte %d flipped", at).isEqualTo(wholeBefore(at));
    }
  }

  @Test
  void open_tailOfZeros_isCut() throws IOException {
    Files.write(path, Arrays.copyOf(bytes, bytes.length + 100_000));

    assertThat(found(HEADER)).isEqualTo(CHECKSUMS);
    assertThat(path).hasBinaryContent(bytes);
  }

  @Test
  void open_ofAnotherStepPolicyOrRun_beginsAnew() throws IOException {
    List<JournalHeader> others =
        List.of(
            TinyJournals.header(4, 2),
            TinyJournals.header(3, 1),
            JournalHeader.of(3, Map.of("rollout.seed", "43"), TinyJournals.policy(2, 0)),
            JournalHeader.of(3, Map.of("rollout.seed", "42"), TinyJournals.policy(2, 1)));
    for (JournalHeader other : others) {
      Files.write(path, bytes);

      assertThat(found(other)).as(other.line()).isEmpty();
      assertThat(path).hasContent(other.line());
    }
  }

  @Test
  void open_recordsBehindAnotherHeader_areNotTaken() throws IOException {
    JournalHeader other = TinyJournals.header(3, 4);
    byte[] moved = bytes.clone();
    System.arraycopy(other.bytes(), 0, moved, 0, other.bytes().length);
    Files.write(path, moved);

    assertThat(found(other)).isEmpty();
  }
}
