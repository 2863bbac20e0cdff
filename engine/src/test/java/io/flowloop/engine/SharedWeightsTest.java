package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class SharedWeightsTest {

  private static final String MODEL = "a model";
  private static final float[] NUMBERS = {1, 2, 3};

  private final LoadedDevice first = LoadedDevice.open(new Device.Cpu(), 1);
  private final LoadedDevice second = LoadedDevice.open(new Device.Cpu(), 1);

  /** What was loaded, in order. */
  private final List<NDArray> loaded = new ArrayList<>();

  @AfterEach
  void close() {
    first.close();
    second.close();
  }

  private NDArray weight(LoadedDevice device) {
    return weight(MODEL, Dtype.BFLOAT16, device, this::load);
  }

  private static NDArray weight(
      Object model, Dtype dtype, LoadedDevice device, SharedWeights.Loader loader) {
    return Objects.requireNonNull(
        SharedWeights.of(model, dtype, device.manager(), loader).get("w"));
  }

  /** On any thread. */
  private SequencedMap<String, NDArray> load(NDManager manager) {
    NDArray weight = TensorScope.own(manager.arange(1f, 4f), manager);
    loaded.add(weight);
    SequencedMap<String, NDArray> weights = new LinkedHashMap<>();
    weights.put("w", weight);
    return weights;
  }

  private SequencedMap<String, NDArray> fail(NDManager manager) {
    var _ = load(manager);
    throw new EngineException("damaged");
  }

  @Test
  void of_twice_isOneMemoryInTensorsOfEachUser() {
    NDArray one = weight(first);
    NDArray other = weight(second);
    first.kernels().run("joined", List.of(one));

    assertThat(loaded).hasSize(1);
    assertThat(one.getName()).isNotEqualTo(other.getName());
    assertThat(other.toFloatArray()).isEqualTo(NUMBERS);
    // What nobody does: it shows that there is one memory.
    first.kernels().assign(one, new float[] {4, 5, 6});
    assertThat(other.toFloatArray()).containsExactly(4, 5, 6);
  }

  @Test
  void of_otherModelOrDtype_isLoadedForItself() {
    var _ = weight(first);
    NDArray model = weight("another", Dtype.BFLOAT16, second, this::load);
    NDArray dtype = weight(MODEL, Dtype.FLOAT32, second, this::load);

    assertThat(loaded).hasSize(3);
    first.kernels().assign(model, new float[3]);
    assertThat(dtype.toFloatArray()).isEqualTo(NUMBERS);
  }

  @Test
  void close_ofWhoLoaded_leavesTheOthersWeights() {
    var _ = weight(first);
    NDArray other = weight(second);

    first.close();

    assertThat(other.toFloatArray()).isEqualTo(NUMBERS);
    assertThat(loaded.getFirst().isReleased()).isFalse();
  }

  @Test
  void close_ofTheLast_freesThem() {
    var _ = weight(first);
    var _ = weight(second);
    first.close();
    second.close();
    assertThat(loaded.getFirst().isReleased()).isTrue();

    try (LoadedDevice third = LoadedDevice.open(new Device.Cpu(), 1)) {
      assertThat(weight(third).toFloatArray()).isEqualTo(NUMBERS);
    }
    assertThat(loaded).hasSize(2);
    assertThat(loaded.getLast().isReleased()).isTrue();
  }

  @Test
  void of_failedLoad_leavesNothingAndIsTriedAgain() {
    int before = first.manager().getManagedArrays().size();
    assertThatThrownBy(() -> weight(MODEL, Dtype.BFLOAT16, first, this::fail))
        .isInstanceOf(EngineException.class)
        .hasMessage("damaged");
    assertThat(loaded.getFirst().isReleased()).isTrue();
    assertThat(first.manager().getManagedArrays()).hasSizeLessThanOrEqualTo(before + 1);

    assertThat(weight(second).toFloatArray()).isEqualTo(NUMBERS);
    assertThat(loaded).hasSize(2);
  }

  @Test
  @Timeout(60)
  void of_whileAnotherLoads_waitsForItsWeights() {
    Waiting waiting = new Waiting();

    NDArray one =
        weight(MODEL, Dtype.BFLOAT16, first, manager -> waiting.then(this::load, manager));

    assertThat(one.toFloatArray()).isEqualTo(NUMBERS);
    assertThat(waiting.numbers()).isEqualTo(NUMBERS);
    assertThat(loaded).hasSize(1);
  }

  @Test
  @Timeout(60)
  void of_whileAnotherFails_loadsThem() {
    Waiting waiting = new Waiting();

    assertThatThrownBy(
            () ->
                weight(MODEL, Dtype.BFLOAT16, first, manager -> waiting.then(this::fail, manager)))
        .hasMessage("damaged");

    assertThat(waiting.numbers()).isEqualTo(NUMBERS);
    assertThat(loaded).hasSize(2);
    assertThat(loaded).allMatch(NDArray::isReleased);
  }

  /** A user on a thread of its own, who comes while another loads. */
  private final class Waiting {

    private final CompletableFuture<float[]> seen = new CompletableFuture<>();
    private final Thread thread = new Thread(() -> complete(this::read));

    private void complete(Supplier<float[]> read) {
      try {
        seen.complete(read.get());
      } catch (RuntimeException e) {
        seen.completeExceptionally(e);
      }
    }

    private float[] read() {
      try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), 1)) {
        return weight(device).toFloatArray();
      }
    }

    /** Loads once it waits. */
    SequencedMap<String, NDArray> then(SharedWeights.Loader loader, NDManager manager) {
      thread.start();
      while (thread.getState() != Thread.State.BLOCKED) {
        Thread.onSpinWait();
      }
      return loader.load(manager);
    }

    float[] numbers() {
      return seen.orTimeout(30, TimeUnit.SECONDS).join();
    }
  }
}
