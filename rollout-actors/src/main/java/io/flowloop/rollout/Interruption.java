package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A way to end the calls of an engine's thread from another thread, for good.
 *
 * <p>The thread is interrupted inside a call and nowhere else, and leaves it without its interrupt
 * flag: what it does afterwards, closing the engine for one, is not hit.
 */
final class Interruption {

  private Optional<Thread> calling = Optional.empty();
  private boolean stopped;

  /**
   * Makes a call that may be interrupted, on this thread.
   *
   * @throws EngineException instead of a call, once stopped
   */
  <T> T call(Supplier<T> work) {
    enter();
    try {
      return work.get();
    } finally {
      leave();
    }
  }

  private synchronized void enter() {
    if (stopped) {
      throw new EngineException("the engine is being stopped");
    }
    calling = Optional.of(Thread.currentThread());
  }

  private synchronized void leave() {
    calling = Optional.empty();
    var _ = Thread.interrupted();
  }

  /** Interrupts the call that is being made, if any, and allows no other. */
  synchronized void stop() {
    stopped = true;
    calling.ifPresent(Thread::interrupt);
  }
}
