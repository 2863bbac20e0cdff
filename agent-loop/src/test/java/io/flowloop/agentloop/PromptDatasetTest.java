package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PromptDatasetTest {

  private static final long SEED = 42;

  @ParameterizedTest
  @CsvSource({"12, 4", "10, 4", "7, 3", "5, 8", "1, 3", "100, 1"})
  void promptsOf_stepsInARow_holdEveryPromptOnceAnEpoch(int size, int promptsPerStep) {
    PromptDataset dataset = dataset(size, promptsPerStep, SEED);
    List<Prompt> order =
        Stream.iterate(0, step -> step + 1)
            .flatMap(step -> dataset.promptsOf(step).stream())
            .limit(3L * size)
            .toList();

    for (int epoch = 0; epoch < 3; epoch++) {
      assertThat(order.subList(epoch * size, (epoch + 1) * size))
          .extracting(Prompt::index)
          .containsExactlyInAnyOrderElementsOf(IntStream.range(0, size).boxed().toList());
    }
  }

  @Test
  void promptsOf_anyStep_dependsOnSeedAndStepAlone() {
    PromptDataset dataset = dataset(50, 8, SEED);
    dataset.promptsOf(3);

    assertThat(dataset.promptsOf(17)).isEqualTo(dataset(50, 8, SEED).promptsOf(17));
    assertThat(dataset.promptsOf(17)).isNotEqualTo(dataset(50, 8, SEED + 1).promptsOf(17));
  }

  @Test
  void promptsOf_nextEpoch_isShuffledAnew() {
    PromptDataset dataset = dataset(50, 50, SEED);

    assertThat(dataset.promptsOf(0)).isNotEqualTo(dataset.promptsOf(1));
  }

  @Test
  void promptsOf_seed42_isThisOrderOnEveryJdk() {
    assertThat(dataset(8, 8, SEED).promptsOf(0))
        .extracting(Prompt::index)
        .containsExactly(1, 0, 3, 5, 7, 4, 6, 2);
  }

  @Test
  void of_noPrompt_isRefused() {
    assertThatThrownBy(() -> PromptDataset.of(List.of(), 8, SEED))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("0 prompts");
  }

  private static PromptDataset dataset(int size, int promptsPerStep, long seed) {
    List<String> texts = IntStream.range(0, size).mapToObj(i -> "prompt " + i).toList();
    return PromptDataset.of(texts, promptsPerStep, seed);
  }
}
