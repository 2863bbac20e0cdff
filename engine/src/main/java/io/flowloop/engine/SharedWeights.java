package io.flowloop.engine;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.flowloop.config.Dtype;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.UUID;

/**
 * Weights that lie on a device once, however many models of this process compute with them. They
 * are loaded for the first, while others that want them wait, and freed with the last.
 *
 * <p>Each user has tensors of its own on the memory of all: a tensor belongs to one thread, which
 * writes on it even to read it, for {@link Kernels#run} names its arguments. What they hold is
 * written to by nobody.
 */
public final class SharedWeights {

  /** Those that somebody has or waits for. It is the lock of their users' number, too. */
  private static final Map<Key, SharedWeights> HELD = new HashMap<>();

  private final Key key;
  private final SequencedMap<String, NDArray> loaded = new LinkedHashMap<>();
  private Optional<NDManager> owner = Optional.empty();
  private int users;

  /**
   * What tells weights from others.
   *
   * @param model any that is equal for the same weights
   */
  private record Key(Object model, Dtype dtype, Device device) {}

  /** Puts weights on a device. */
  @FunctionalInterface
  public interface Loader {

    /**
     * The weights by name, in memory that is libtorch's.
     *
     * @param manager owns what is returned
     */
    SequencedMap<String, NDArray> load(NDManager manager);
  }

  private SharedWeights(Key key) {
    this.key = key;
  }

  /**
   * The weights of a model, which are loaded unless somebody has them. If that fails, all is as it
   * was before, and whoever waits tries it next.
   *
   * @param model what is equal for the same weights, and for no others
   * @param manager of the calling thread, on their device; owns the tensors that are returned, and
   *     ends this use of the weights when it is closed
   */
  public static SequencedMap<String, NDArray> of(
      Object model, Dtype dtype, NDManager manager, Loader loader) {
    SharedWeights shared = join(new Key(model, dtype, manager.getDevice()));
    try {
      SequencedMap<String, NDArray> weights = shared.aliases(manager, loader);
      AutoCloseable use = shared::leave;
      manager.attachInternal(UUID.randomUUID().toString(), use);
      return weights;
    } catch (RuntimeException | Error e) {
      shared.leave();
      throw e;
    }
  }

  private static SharedWeights join(Key key) {
    synchronized (HELD) {
      SharedWeights shared = HELD.computeIfAbsent(key, SharedWeights::new);
      shared.users++;
      return shared;
    }
  }

  private synchronized SequencedMap<String, NDArray> aliases(NDManager manager, Loader loader) {
    if (owner.isEmpty()) {
      load(loader);
    }
    SequencedMap<String, NDArray> aliases = new LinkedHashMap<>();
    loaded.forEach(
        (name, weight) -> aliases.put(name, TensorScope.own(weight.stopGradient(), manager)));
    return aliases;
  }

  private void load(Loader loader) {
    NDManager manager = TorchRuntime.newManager(key.device());
    try {
      loaded.putAll(loader.load(manager));
      owner = Optional.of(manager);
    } catch (RuntimeException | Error e) {
      manager.close();
      throw e;
    }
  }

  private void leave() {
    synchronized (HELD) {
      users--;
      if (users == 0) {
        HELD.remove(key);
        owner.ifPresent(NDManager::close);
      }
    }
  }
}
