package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PromptDatasetTest {

  private static final long SEED = 42;

  @ParameterizedTest
  @CsvSource({"12, 4", "10, 4", "7, 3", "5, 8", "1, 3", "100, 1", "5, 17"})
  void promptsAt_oneTakeAfterTheOther_holdsEveryPromptOnceAnEpoch(int size, int count) {
    PromptDataset dataset = dataset(size, SEED);
    List<Prompt> order =
        LongStream.iterate(0, position -> position + count)
            .boxed()
            .flatMap(position -> dataset.promptsAt(position, count).stream())
            .limit(3L * size)
            .toList();

    for (int epoch = 0; epoch < 3; epoch++) {
      assertThat(order.subList(epoch * size, (epoch + 1) * size))
          .extracting(Prompt::index)
          .containsExactlyInAnyOrderElementsOf(IntStream.range(0, size).boxed().toList());
    }
  }

  @Test
  void promptsAt_anyCut_isTheSameOrder() {
    PromptDataset dataset = dataset(10, SEED);
    List<Prompt> order = dataset.promptsAt(0, 47);

    for (int position = 0; position < 47; position++) {
      for (int count = 0; position + count <= 47; count++) {
        assertThat(dataset.promptsAt(position, count))
            .isEqualTo(order.subList(position, position + count));
      }
    }
  }

  @Test
  void promptsAt_anyPosition_dependsOnSeedAndPositionAlone() {
    PromptDataset dataset = dataset(50, SEED);
    dataset.promptsAt(24, 8);

    assertThat(dataset.promptsAt(136, 8)).isEqualTo(dataset(50, SEED).promptsAt(136, 8));
    assertThat(dataset.promptsAt(136, 8)).isNotEqualTo(dataset(50, SEED + 1).promptsAt(136, 8));
  }

  @Test
  void promptsAt_nextEpoch_isShuffledAnew() {
    PromptDataset dataset = dataset(50, SEED);

    assertThat(dataset.promptsAt(0, 50)).isNotEqualTo(dataset.promptsAt(50, 50));
  }

  @Test
  void promptsAt_seed42_isThisOrderOnEveryJdk() {
    assertThat(dataset(8, SEED).promptsAt(0, 16))
        .extracting(Prompt::index)
        .startsWith(1, 0, 3, 5, 7, 4, 6, 2);
  }

  @ParameterizedTest
  @CsvSource({"-1, 1", "0, -1"})
  void promptsAt_negative_isRefused(long position, int count) {
    assertThatThrownBy(() -> dataset(8, SEED).promptsAt(position, count))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("position %d, count %d".formatted(position, count));
  }

  @Test
  void of_noPrompt_isRefused() {
    assertThatThrownBy(() -> PromptDataset.of(List.of(), SEED))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("0 prompts");
  }

  private static PromptDataset dataset(int size, long seed) {
    List<String> texts = IntStream.range(0, size).mapToObj(i -> "prompt " + i).toList();
    return PromptDataset.of(texts, seed);
  }
}
