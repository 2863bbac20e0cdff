package io.flowloop.config;

import java.net.URL;
import java.util.Optional;

/** Files on the classpath. */
final class Resources {

  private Resources() {}

  /**
   * The resource as the thread's context class loader sees it, so that a user's jar may add one.
   */
  static Optional<URL> find(String name) {
    ClassLoader context = Thread.currentThread().getContextClassLoader();
    ClassLoader loader = context == null ? Resources.class.getClassLoader() : context;
    return Optional.ofNullable(loader.getResource(name));
  }
}
