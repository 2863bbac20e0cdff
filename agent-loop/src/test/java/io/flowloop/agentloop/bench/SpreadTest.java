package io.flowloop.agentloop.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class SpreadTest {

  @Test
  void of_oddNumberOfValues_hasTheMiddleOne() {
    assertThat(Spread.of(List.of(3.0, 1.0, 10.0))).contains(new Spread(3, 1, 10));
  }

  @Test
  void of_evenNumberOfValues_hasTheMeanOfTheMiddleTwo() {
    assertThat(Spread.of(List.of(4.0, 1.0, 10.0, 2.0))).contains(new Spread(3, 1, 10));
  }

  @Test
  void of_noValues_isEmpty() {
    assertThat(Spread.of(List.of())).isEmpty();
  }
}
