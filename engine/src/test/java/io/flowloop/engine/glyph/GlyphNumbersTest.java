package io.flowloop.engine.glyph;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.PromptFile;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class GlyphNumbersTest {

  @Test
  void numbers_trainingAndHeldOut_areAllNumbersOnce() {
    Set<String> all = new HashSet<>(GlyphNumbers.training());
    all.addAll(GlyphNumbers.heldOut());

    assertThat(all).hasSize(10_000).contains("0000", "9999");
    assertThat(GlyphNumbers.training().size() + GlyphNumbers.heldOut().size()).isEqualTo(10_000);
    assertThat(GlyphNumbers.heldOut()).hasSizeBetween(150, 250);
  }

  @Test
  void prompts_heldOutFile_asksForEveryHeldOutNumberAndNoOther() throws IOException {
    assertThat(digits("classpath:glyph/heldout.txt"))
        .containsExactlyInAnyOrderElementsOf(GlyphNumbers.heldOut());
  }

  @Test
  void prompts_trainingFile_asksForTrainingNumbersOnly() throws IOException {
    assertThat(digits("classpath:glyph/train.txt"))
        .hasSize(1000)
        .doesNotHaveDuplicates()
        .isSubsetOf(GlyphNumbers.training());
  }

  private static List<String> digits(String location) throws IOException {
    return PromptFile.read(location).prompts().stream().map(GlyphTokenizer::digits).toList();
  }
}
