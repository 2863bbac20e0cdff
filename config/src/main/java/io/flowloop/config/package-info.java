/** Every setting as a record: HOCON and {@code key=value} in, typed records or all problems out. */
@NullMarked
package io.flowloop.config;

import org.jspecify.annotations.NullMarked;
