package io.flowloop.agentloop;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A folder that appears, is replaced and goes as a whole, even when the process is killed or the
 * machine stops halfway.
 *
 * <p>It is written as its hidden sibling {@code .NAME.new} and renamed; the one that it replaces
 * waits meanwhile as {@code .NAME.old}; one that is deleted is {@code .NAME.gone} first. What a
 * kill leaves of these, {@link #recover} tidies.
 *
 * @param path where it is to be seen
 */
record AtomicFolder(Path path) {

  /** Writes the files of a folder and has each of them on the disk. */
  @FunctionalInterface
  interface Content {
    void writeTo(Path folder) throws IOException;
  }

  private static final String NEW = "new";
  private static final String OLD = "old";
  private static final String GONE = "gone";
  private static final Pattern HIDDEN =
      Pattern.compile("\\.(.+)\\.(%s|%s|%s)".formatted(NEW, OLD, GONE));

  /** What a hidden sibling belongs to; empty for a folder that is none. */
  static List<AtomicFolder> ownersOfHidden(Path parent) throws IOException {
    try (Stream<Path> all = Files.list(parent)) {
      return all.map(Path::getFileName)
          .map(name -> HIDDEN.matcher(name.toString()))
          .filter(Matcher::matches)
          .map(hidden -> new AtomicFolder(parent.resolve(hidden.group(1))))
          .distinct()
          .toList();
    }
  }

  /** Finishes what a kill left halfway among the folders whose names are {@code ours}. */
  static void recover(Path parent, Predicate<String> ours) throws IOException {
    for (AtomicFolder folder : ownersOfHidden(parent)) {
      if (ours.test(folder.path.getFileName().toString())) {
        folder.recover();
      }
    }
  }

  private void recover() throws IOException {
    if (!Files.exists(path) && Files.exists(hidden(OLD))) {
      rename(hidden(OLD), path);
      sync(path.resolveSibling(""));
    }
    for (String state : List.of(NEW, OLD, GONE)) {
      deleteTree(hidden(state));
    }
  }

  /** Where it lies now: a kill can have left it aside. */
  Path current() {
    return !Files.exists(path) && Files.exists(hidden(OLD)) ? hidden(OLD) : path;
  }

  /**
   * Writes the folder, in place of one that is there.
   *
   * @throws IOException if that fails; an earlier folder is then as it was
   */
  void write(Content content) throws IOException {
    Path unfinished = hidden(NEW);
    try {
      deleteTree(unfinished);
      Files.createDirectory(unfinished);
      content.writeTo(unfinished);
      sync(unfinished);
      putInPlace(unfinished);
    } catch (IOException | RuntimeException e) {
      try {
        deleteTree(unfinished);
      } catch (IOException left) {
        e.addSuppressed(left);
      }
      throw e;
    }
  }

  private void putInPlace(Path unfinished) throws IOException {
    boolean replaces = Files.exists(path);
    if (replaces) {
      deleteTree(hidden(OLD));
      rename(path, hidden(OLD));
    }
    try {
      rename(unfinished, path);
    } catch (IOException e) {
      if (replaces) {
        rename(hidden(OLD), path);
      }
      throw e;
    }
    sync(path.resolveSibling(""));
    deleteTree(hidden(OLD));
  }

  /** Deletes the folder. */
  void delete() throws IOException {
    deleteTree(hidden(GONE));
    rename(path, hidden(GONE));
    deleteTree(hidden(GONE));
  }

  private Path hidden(String state) {
    return path.resolveSibling(".%s.%s".formatted(path.getFileName(), state));
  }

  private static void rename(Path from, Path to) throws IOException {
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
  }

  private static void deleteTree(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    List<Path> childrenFirst;
    try (Stream<Path> all = Files.walk(folder)) {
      childrenFirst = all.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : childrenFirst) {
      Files.delete(path);
    }
  }

  /** Makes what was created and renamed in a folder outlive a crash of the machine. */
  static void sync(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (AccessDeniedException e) {
      // Windows opens no folders.
    }
  }
}
