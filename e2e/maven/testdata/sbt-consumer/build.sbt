organization := "com.other"
name := "user"
scalaVersion := "2.13.16"
libraryDependencies += "com.acme" %% "widget" % "@VERSION@"
@LARDER@
