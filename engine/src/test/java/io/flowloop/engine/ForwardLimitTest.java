package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ForwardLimitTest {

  private static final int TOKENS = 56;

  private static List<Integer> sizes(ForwardLimit limit, int rows, long tokensPerSample) {
    List<Integer> sizes = new ArrayList<>();
    for (int from = 0; from < rows; from += sizes.getLast()) {
      sizes.add(limit.end(from, rows, tokensPerSample) - from);
    }
    return sizes;
  }

  @Test
  void end_nothingLearned_isAsConfigured() {
    assertThat(sizes(new ForwardLimit(4), 10, TOKENS)).containsExactly(4, 4, 2);
    assertThat(sizes(new ForwardLimit(Integer.MAX_VALUE), 10, TOKENS)).containsExactly(10);
  }

  @Test
  void halve_rows_countTokens() {
    ForwardLimit limit = new ForwardLimit(64);
    limit.halve(16, TOKENS);

    assertThat(sizes(limit, 20, TOKENS)).containsExactly(8, 8, 4);
    assertThat(sizes(limit, 10, 2 * TOKENS)).containsExactly(4, 4, 2);
    assertThat(sizes(limit, 20, TOKENS / 2)).containsExactly(16, 4);
  }

  @Test
  void halve_oddRows_cutsWithinConfiguredForwards() {
    ForwardLimit limit = new ForwardLimit(5);
    limit.halve(5, TOKENS);

    assertThat(sizes(limit, 12, TOKENS)).containsExactly(2, 2, 1, 2, 2, 1, 2);
  }

  @Test
  void halve_aSingleRow_leavesSingleRows() {
    ForwardLimit limit = new ForwardLimit(64);
    limit.halve(1, TOKENS);

    assertThat(sizes(limit, 3, TOKENS)).containsExactly(1, 1, 1);
    assertThat(sizes(limit, 3, 10 * TOKENS)).containsExactly(1, 1, 1);
  }
}
