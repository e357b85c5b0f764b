package other

object User {
  val end: String = acme.Widget.end
}
