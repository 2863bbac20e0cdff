package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import java.util.ArrayList;
import java.util.List;

/**
 * The owner of every tensor made on this thread while it is open: closing it frees them all but
 * those handed to the enclosing scope with {@link #keep}.
 *
 * <p>DJL attaches a result to the manager of an operand, which for a weight means for ever; scopes
 * follow the code instead.
 */
public final class TensorScope implements AutoCloseable {

  private final NDScope scope = new NDScope();
  private final List<NDArray> kept = new ArrayList<>();

  /** Hands {@code tensor} to the enclosing scope, or to its manager where there is none. */
  public NDArray keep(NDArray tensor) {
    NDScope.unregister(tensor);
    kept.add(tensor);
    return tensor;
  }

  /** Makes {@code tensor} last as long as {@code manager}, whatever scopes are open. */
  public static NDArray own(NDArray tensor, NDManager manager) {
    NDScope.unregister(tensor);
    tensor.attach(manager);
    return tensor;
  }

  @Override
  public void close() {
    scope.close();
    kept.forEach(NDScope::register);
  }
}
