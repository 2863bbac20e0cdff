package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class StopSignalTest {

  private final StopSignal stop = new StopSignal();
  private final AtomicInteger heard = new AtomicInteger();

  @Test
  void request_whileListened_isHeard() {
    stop.listen(heard::incrementAndGet);

    assertThat(stop.requested()).isFalse();
    stop.request();

    assertThat(stop.requested()).isTrue();
    assertThat(heard).hasValue(1);
    stop.ended(0);
  }

  @Test
  void listen_afterTheRequest_hearsItAtOnce() {
    stop.request();

    stop.listen(heard::incrementAndGet);

    assertThat(heard).hasValue(1);
    stop.ended(0);
  }

  @Test
  void request_nobodyListens_isRemembered() {
    stop.request();

    assertThat(stop.requested()).isTrue();
  }
}
