package acme

object Widget {
  def end: String = org.apache.commons.io.IOUtils.LINE_SEPARATOR_UNIX
}
