package io.flowloop.agentloop.cli;

import java.util.concurrent.CompletableFuture;

/**
 * Ctrl-C or SIGTERM as a wish: the process waits until its verb has saved and ended, and exits with
 * the verb's exit code.
 */
final class StopSignal {

  private final CompletableFuture<Integer> exitCode = new CompletableFuture<>();
  private volatile Runnable onRequest = () -> {};
  private volatile boolean requested;

  /** From now on signals do not end the process at once. */
  void listen() {
    try {
      Runtime.getRuntime().addShutdownHook(new Thread(this::onShutdown, "stop"));
    } catch (IllegalStateException e) {
      request(); // a signal came before and is ending the process
    }
  }

  /** What to do when there is a signal; done at once if there was one. */
  void onRequest(Runnable action) {
    onRequest = action;
    if (requested) {
      action.run();
    }
  }

  private void onShutdown() {
    if (!exitCode.isDone()) {
      request();
      // A signal's own exit code would tell scripts that something went wrong.
      Runtime.getRuntime().halt(exitCode.join());
    }
  }

  void request() {
    requested = true;
    onRequest.run();
  }

  boolean requested() {
    return requested;
  }

  /** The verb has ended and is about to exit. */
  void ended(int exitCode) {
    this.exitCode.complete(exitCode);
  }
}
