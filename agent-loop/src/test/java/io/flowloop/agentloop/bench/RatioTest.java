package io.flowloop.agentloop.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class RatioTest {

  private static final Cell BATCHED = new Cell(8, Way.ENGINE, Mode.BATCHED);
  private static final Cell CONCURRENT = new Cell(8, Way.ENGINE, Mode.CONCURRENT);

  @Test
  void pairwise_unequalLengths_dividesWhatBothHave() {
    assertThat(Ratio.pairwise(List.of(6.0, 2.0, 9.0), List.of(2.0, 4.0))).containsExactly(3.0, 0.5);
  }

  @Test
  void spread_pairsThatDriftTogether_isNarrowerThanThatOfTheMedians() {
    Ratio ratio = Ratio.of(Results.of(BATCHED, 90, 30, 60), Results.of(CONCURRENT, 30, 10, 20));

    assertThat(ratio.spread()).contains(new Spread(3, 3, 3));
  }

  @Test
  void spread_withoutAPair_isEmpty() {
    Ratio ratio = Ratio.of(Results.of(BATCHED, 90), Results.of(CONCURRENT));

    assertThat(ratio.values()).isEmpty();
    assertThat(ratio.spread()).isEmpty();
  }
}
