package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Device;
import org.junit.jupiter.api.Test;

class OutOfMemoryTest {

  @Test
  void line_allocationBeyondMemory_isWhatLibtorchSays() {
    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), 1)) {
      EngineException failure =
          catchThrowableOfType(
              EngineException.class, () -> CrampedPipeline.exhaust(device.manager()));

      assertThat(OutOfMemory.line(failure))
          .hasValueSatisfying(
              line -> assertThat(line).contains("DefaultCPUAllocator").doesNotContain("\n"));
    }
  }

  @Test
  void line_tensorsThatDoNotFitTogether_isEmpty() {
    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), 1)) {
      NDManager manager = device.manager();
      EngineException failure =
          catchThrowableOfType(
              EngineException.class,
              () -> manager.zeros(new Shape(2)).add(manager.zeros(new Shape(3))));

      assertThat(OutOfMemory.line(failure)).isEmpty();
    }
  }

  @Test
  void line_traceOfAGpu_isTheLineAboutMemory() {
    EngineException failure =
        new EngineException(
            """
            The following operation failed in the TorchScript interpreter.
            Traceback of TorchScript (most recent call last):
            RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.00 GiB free.
            """);

    assertThat(OutOfMemory.line(failure))
        .hasValue(
            "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.00 GiB free.");
  }

  @Test
  void behind_failureOfMemoryInAnother_isWhatLibtorchSays() {
    EngineException cause = new EngineException("CUDA out of memory. Tried to allocate 2 GiB.");

    assertThat(OutOfMemory.behind(new IllegalStateException("a forward failed", cause)))
        .hasValue("CUDA out of memory. Tried to allocate 2 GiB.");
    assertThat(OutOfMemory.behind(cause)).isPresent();
    assertThat(OutOfMemory.behind(new IllegalStateException("out of memory"))).isEmpty();
  }
}
