"""Functions of NumPy that take or give nothing that varies: no traced value has business there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

# fmt: off
GROUPS: Mapping[str, str] = MappingProxyType({
    "makes an array of constants": """
        numpy.empty numpy.eye numpy.identity numpy.ones numpy.zeros numpy.tri numpy.indices
        numpy.bartlett numpy.blackman numpy.hamming numpy.hanning numpy.kaiser numpy.fft.fftfreq
        numpy.fft.rfftfreq""",
    "makes indices, slices or shapes": """
        numpy.diag_indices numpy.tril_indices numpy.triu_indices numpy.mask_indices numpy.ix_
        numpy.index_exp numpy.s_ numpy.ndindex numpy.broadcast_shapes""",
    "is about dtypes": """
        numpy.dtype numpy.finfo numpy.iinfo numpy.isdtype numpy.issubdtype numpy.promote_types
        numpy.mintypecode numpy.typename numpy.sctype2char numpy.maximum_sctype numpy.obj2sctype
        numpy.issctype numpy.issubsctype numpy.issubclass_ numpy.find_common_type numpy.cast
        numpy.nbytes numpy.sctypes numpy.typecodes numpy.sctypeDict numpy.ScalarType""",
    "is a question about an object": """
        numpy.isscalar numpy.iterable numpy.isfortran numpy.ufunc""",
    "is about dates, text or integers": """
        numpy.busday_count numpy.busday_offset numpy.busdaycalendar numpy.is_busday numpy.isnat
        numpy.datetime_as_string numpy.datetime_data numpy.base_repr numpy.binary_repr
        numpy.format_float_positional numpy.format_float_scientific numpy.chararray
        numpy.compare_chararrays""",
    "is an old name of a step": """
        numpy.alltrue numpy.sometrue numpy.round_""",
    "reads or writes files and text": """
        numpy.fromfile numpy.recfromcsv numpy.recfromtxt numpy.format_parser numpy.fromregex
        numpy.fromstring numpy.genfromtxt numpy.load numpy.loadtxt numpy.save numpy.savetxt
        numpy.savez numpy.savez_compressed numpy.DataSource""",
    "is about the installation and its settings": """
        numpy.errstate numpy.geterr numpy.seterr numpy.geterrcall numpy.seterrcall numpy.geterrobj
        numpy.seterrobj numpy.getbufsize numpy.setbufsize numpy.get_include numpy.get_printoptions
        numpy.set_printoptions numpy.set_string_function numpy.printoptions numpy.info
        numpy.lookfor numpy.show_config numpy.show_runtime numpy.source numpy.who numpy.disp
        numpy.deprecate numpy.deprecate_with_doc numpy.safe_eval numpy.add_docstring
        numpy.add_newdoc numpy.set_numeric_ops numpy.emath.array_function_dispatch
        numpy.add_newdoc_ufunc numpy.byte_bounds numpy.get_array_wrap numpy.tracemalloc_domain
        numpy.test numpy.linalg.test numpy.fft.test numpy.Inf""",
})
# fmt: on


def by_name() -> Iterator[tuple[str, str]]:
    """Yield (name, remark)."""
    for remark, names in GROUPS.items():
        yield from ((name, remark) for name in names.split())


PLAIN: Mapping[str, str] = MappingProxyType(dict(by_name()))
