package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NearestTest {

  private static final List<String> VERBS = List.of("rollout", "pretrain", "doctor", "train");

  @ParameterizedTest
  @CsvSource({
    "rolout, rollout",
    "ROLLOUTS, rollout",
    "trian, train",
    "pretrian, pretrain",
    "docter, doctor",
    "train, train"
  })
  void to_misspelledName_isTheOneMeant(String written, String meant) {
    assertThat(Nearest.to(written, VERBS)).contains(meant);
  }

  @ParameterizedTest
  @CsvSource({"x", "version", "''"})
  void to_nothingAlike_isEmpty(String written) {
    assertThat(Nearest.to(written, VERBS)).isEmpty();
  }

  @Test
  void to_severalAsNear_isTheFirstInTheAlphabet() {
    assertThat(Nearest.to("cat", List.of("rat", "bat", "hat"))).contains("bat");
  }

  @Test
  void to_noNames_isEmpty() {
    assertThat(Nearest.to("cat", Set.of())).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"kitten, sitting, 3", "abc, '', 3", "'', ab, 2", "flaw, lawn, 2", "Same, sAME, 0"})
  void distance_countsEdits(String left, String right, int edits) {
    assertThat(Nearest.distance(left, right)).isEqualTo(edits);
    assertThat(Nearest.distance(right, left)).isEqualTo(edits);
  }
}
