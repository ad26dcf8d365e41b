"""Alerts to the services that Apprise knows, where that package is installed. Its plugins write, we send.

A plugin makes its requests by the library `requests`. Here it gets a stand-in for that library whose every request
goes out by `integrations.outbound`: the host is looked up and judged at each call, the connection goes to the very
address that was judged, certificates are checked, no redirect is followed, and what an address says about that
(`?verify=no`, `?redirect=yes`, `?rto=600`) counts for nothing. So a host of one's own is as safe as a vendor's.
Only plugins that need nothing else are offered (`table.py`): no sockets, no files, no desktop, no program.
"""
