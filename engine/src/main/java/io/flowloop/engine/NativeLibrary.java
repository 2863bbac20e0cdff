package io.flowloop.engine;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * A native library whose functions answer 0, or the number of an error. It stays loaded for as long
 * as the process lives.
 */
@SuppressWarnings("restricted")
final class NativeLibrary {

  private final String name;
  private final SymbolLookup symbols;

  private NativeLibrary(String name, SymbolLookup symbols) {
    this.name = name;
    this.symbols = symbols;
  }

  /**
   * The library that the system finds by a name.
   *
   * @throws EngineException if there is none
   */
  static NativeLibrary named(String name) {
    try {
      return new NativeLibrary(name, SymbolLookup.libraryLookup(name, Arena.global()));
    } catch (IllegalArgumentException e) {
      throw new EngineException(name + ": cannot be loaded (expected: with the GPU's driver)", e);
    }
  }

  /**
   * The library in a file.
   *
   * @throws EngineException if it cannot be loaded
   */
  static NativeLibrary of(Path file) {
    try {
      return new NativeLibrary(file.toString(), SymbolLookup.libraryLookup(file, Arena.global()));
    } catch (IllegalArgumentException e) {
      throw new EngineException(file + ": cannot be loaded", e);
    }
  }

  /** The function of a name, for many calls. */
  MethodHandle function(String function, MemoryLayout... parameters) {
    return Linker.nativeLinker()
        .downcallHandle(
            symbols
                .find(function)
                .orElseThrow(() -> new EngineException(name + ": has no function " + function)),
            FunctionDescriptor.of(JAVA_INT, parameters));
  }

  /**
   * Calls a function once and answers its status.
   *
   * @param arguments integers and addresses
   */
  int status(String function, Object... arguments) {
    MemoryLayout[] parameters =
        Stream.of(arguments)
            .map(argument -> argument instanceof Integer ? JAVA_INT : ADDRESS)
            .toArray(MemoryLayout[]::new);
    try {
      return (int) function(function, parameters).invokeWithArguments(arguments);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new LinkageError(function, e);
    }
  }

  /**
   * Calls a function once.
   *
   * @throws EngineException if it fails
   */
  void call(String function, Object... arguments) {
    require(function, status(function, arguments));
  }

  static void require(String function, int status) {
    if (status != 0) {
      throw new EngineException("%s: error %d (expected: 0)".formatted(function, status));
    }
  }
}
