package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class StopSignalTest {

  private final StopSignal stop = new StopSignal();
  private final AtomicInteger heard = new AtomicInteger();

  @Test
  void request_withAnAction_runsIt() {
    stop.onRequest(heard::incrementAndGet);

    assertThat(stop.requested()).isFalse();
    assertThat(heard).hasValue(0);
    stop.request();

    assertThat(stop.requested()).isTrue();
    assertThat(heard).hasValue(1);
  }

  @Test
  void onRequest_afterTheRequest_runsAtOnce() {
    stop.request();

    stop.onRequest(heard::incrementAndGet);

    assertThat(heard).hasValue(1);
  }

  @Test
  void request_withoutAnAction_isRemembered() {
    stop.request();

    assertThat(stop.requested()).isTrue();
  }
}
