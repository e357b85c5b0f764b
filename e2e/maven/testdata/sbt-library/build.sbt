organization := "com.acme"
name := "widget"
version := "@VERSION@"
scalaVersion := "2.13.16"
libraryDependencies += "commons-io" % "commons-io" % "2.11.0"
Compile / doc / sources := Nil
@LARDER@
